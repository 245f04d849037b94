import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { RelayProcess } from '../../test/support/process.js';
import {
  durableRelay,
  loginOf,
  pairsOf,
  percentile,
  registerDevices,
  summary,
  withCpu,
  type Bench,
  type Measured,
  type Row,
} from '../context.js';
import { floor } from '../floor.js';
import { stalls } from '../stalls.js';

const SOCKETS = 1_000;

/** Until the compilers of both sides are done: they run beside what is measured, on the same processors. */
const WARM_UP = { perSecond: 1_500, seconds: 4 };

/** A disk is asked for no more flushes a second than this: beyond it the relay gathers what arrives. */
const MOST_FLUSHES = 2_000;

/** So many messages a second whatever happens, over a thousand sockets. */
export async function openLoop(bench: Bench): Promise<Row[]> {
  const { postgres, redis } = await bench.servers();
  const relay = await durableRelay(bench);
  const system = { name: 'Sotto: PostgreSQL + Redis', processes: { postgres: postgres.pid, redis: redis.pid } };
  return rates(bench, 'openloop', relay, system, [833, 2_000, 10_000]);
}

/** The default install: no PostgreSQL, no Redis. */
export async function pglite(bench: Bench): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  try {
    const relay = await bench.relay({ SOTTO_DATA: folder });
    return await rates(bench, 'pglite', relay, { name: 'Sotto: PGlite', processes: {} }, [833, 2_000]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rates(
  bench: Bench,
  figure: string,
  relay: RelayProcess,
  system: { name: string; processes: Record<string, number> },
  perSecond: number[],
): Promise<Row[]> {
  const generator = bench.generator();
  const devices = await registerDevices(relay.url, SOCKETS, figure);
  await generator.call(
    'connect',
    devices.map((device) => loginOf(device)),
  );
  const pairs = pairsOf(devices);
  const processes = { relay: relay.pid, ...system.processes, load: generator.pid };
  await generator.call('open', { pairs, ...WARM_UP });
  const rows: Row[] = [];
  for (const rate of perSecond) {
    if (rate <= MOST_FLUSHES) rows.push(floor(figure, rate));
    const runs: Measured[] = [];
    for (let run = 0; run < bench.runs; run++) {
      const load = { pairs, perSecond: rate, seconds: bench.seconds };
      runs.push(await withCpu(processes, () => generator.call('open', load)));
    }
    const what = `open loop ${rate}/s, ${SOCKETS} sockets`;
    const p99 = runs.map(({ latencies }) => percentile(latencies, 0.99)).join(', ');
    const slowest = runs.map((run) => stalls(run)).join(', ');
    rows.push({
      ...summary({ figure, what, system: system.name }, runs),
      note: `p99 of the runs: ${p99}; stalls that hold their slowest hundredth: ${slowest}`,
    });
  }
  await Promise.all([generator.stop(), relay.stop()]);
  return rows;
}
