import {
  loginOf,
  pairsOf,
  percentile,
  registerDevices,
  round,
  summary,
  withCpu,
  type Bench,
  type Generator,
  type Measured,
  type Row,
} from '../context.js';
import { residentBytes } from '../cpu.js';
import type { Login } from '../load/party.js';
import { seedDevices } from '../seed.js';

/** A process may hold 20,000 files here, and one address and port 28,000 connections: so many relays and generators. */
const PROCESSES = 6;
const BUSY = 1_000;
const PER_SECOND = 2_000;
const SYSTEM = `Sotto: ${PROCESSES} relays, PostgreSQL + Redis`;

/** Very many sockets that do nothing; then the same while a thousand others are busy. */
export async function idle(bench: Bench): Promise<Row[]> {
  const { postgres, redis } = await bench.servers();
  const url = await postgres.newDatabase();
  const environment = { DATABASE_URL: url, REDIS_URL: redis.url };
  const relays = [await bench.relay(environment)];
  while (relays.length < PROCESSES) relays.push(await bench.relay(environment));
  const urlOf = (index: number) => relays[index % PROCESSES]?.url ?? '';
  const logins = await seedDevices(url, bench.idle, urlOf);
  const generators = relays.map(() => bench.generator());
  const resident = () => relays.reduce((total, { pid }) => total + residentBytes(pid), 0);
  const before = resident();
  const started = performance.now();
  await Promise.all(generators.map((generator, index) => connectSome(generator, logins, index)));
  const seconds = (performance.now() - started) / 1e3;
  const each = (resident() - before) / bench.idle / 1024;
  const row: Row = {
    figure: 'idle',
    what: `${bench.idle} idle connections: memory of the relays for each`,
    system: SYSTEM,
    value: round(each, 1),
    unit: 'KiB',
    runs: [round(each, 1)],
    note: `all connected after ${round(seconds, 0)} s`,
  };
  const busy = await whileBusy(
    bench,
    relays.map(({ url: base }) => base),
    {
      relay: relays.map(({ pid }) => pid),
      postgres: postgres.pid,
      redis: redis.pid,
      idle: generators.map(({ pid }) => pid),
    },
  );
  const lost = (await Promise.all(generators.map((generator) => generator.call('failures')))).flat();
  await Promise.all(generators.map((generator) => generator.stop()));
  await Promise.all(relays.map((relay) => relay.stop()));
  return [{ ...row, note: `${row.note ?? ''}; ${lost.length} lost` }, busy];
}

async function connectSome(generator: Generator, logins: readonly Login[], index: number): Promise<void> {
  await generator.call(
    'connect',
    logins.filter((_, at) => at % PROCESSES === index),
  );
}

async function whileBusy(bench: Bench, urls: string[], processes: Record<string, number | number[]>): Promise<Row> {
  const generator = bench.generator();
  const devices = await registerDevices(urls[0] ?? '', BUSY, 'busy');
  await generator.call(
    'connect',
    devices.map((device, index) => loginOf(device, urls[index % PROCESSES])),
  );
  const runs: Measured[] = [];
  for (let run = 0; run < bench.runs; run++) {
    const load = { pairs: pairsOf(devices), perSecond: PER_SECOND, seconds: bench.seconds };
    runs.push(await withCpu({ ...processes, load: generator.pid }, () => generator.call('open', load)));
  }
  await generator.stop();
  const what = `open loop ${PER_SECOND}/s while ${bench.idle} others are connected`;
  const p99 = runs.map(({ latencies }) => percentile(latencies, 0.99)).join(', ');
  return { ...summary({ figure: 'idle', what, system: SYSTEM }, runs), note: `p99 of the runs: ${p99}` };
}
