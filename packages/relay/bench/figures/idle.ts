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
/** What a process needs to carry connections at all is not counted among what each further one takes. */
const FIRST_SHARE = 0.2;
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
  const logins = await seedDevices(url, bench.connections, urlOf);
  const generators = relays.map(() => bench.generator());
  const resident = () => relays.reduce((total, { pid }) => total + residentBytes(pid), 0);
  const before = resident();
  const started = performance.now();
  const connectAll = (some: readonly Login[]) =>
    Promise.all(generators.map((generator, index) => connectSome(generator, some, index)));
  // Whole rounds of the relays, so that each has its share of both parts.
  const first = PROCESSES * Math.round((bench.connections * FIRST_SHARE) / PROCESSES);
  await connectAll(logins.slice(0, first));
  const between = resident();
  await connectAll(logins.slice(first));
  const seconds = (performance.now() - started) / 1e3;
  const each = (resident() - before) / bench.connections / 1024;
  const further = (resident() - between) / (bench.connections - first) / 1024;
  const row: Row = {
    figure: 'idle',
    what: `${bench.connections} idle connections: memory of the relays for each`,
    system: SYSTEM,
    value: round(each, 1),
    unit: 'KiB',
    runs: [round(each, 1)],
    note: `${round(further, 1)} above the first ${first}; all connected after ${round(seconds, 0)} s`,
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
  const what = `open loop ${PER_SECOND}/s while ${bench.connections} others are connected`;
  const p99 = runs.map(({ latencies }) => percentile(latencies, 0.99)).join(', ');
  return { ...summary({ figure: 'idle', what, system: SYSTEM }, runs), note: `p99 of the runs: ${p99}` };
}
