import { messageTo, newUser, helloOf, type TestDevice } from '../test/support/device.js';
import { startPostgres, type PostgresServer } from '../test/support/postgres.js';
import { startRelayProcess, type RelayProcess } from '../test/support/process.js';
import { startRedis, type RedisServer } from '../test/support/redis.js';
import { cpuMs, machineMs } from './cpu.js';
import { startGenerator, type Generator } from './generator.js';
import type { Pair, LoadResult } from './load/load.js';
import type { Login } from './load/party.js';
import type { Programs } from './programs.js';

export type { Generator };

export interface Options {
  seed: string;
  /** Length of one run. */
  seconds: number;
  runs: number;
  /** Sockets of the figure `idle`. */
  connections: number;
  /** Arguments for the relay's Node, such as `--cpu-prof`. */
  nodeOptions: string[];
}

/** A line of the table. Times are milliseconds. */
export interface Row {
  figure: string;
  what: string;
  system: string;
  /** The median of `runs`, and its unit. */
  value: number;
  unit: string;
  runs: number[];
  p50?: number;
  p99?: number;
  /** Processor time per message, microseconds, of each kind of process. */
  cpu?: Record<string, number>;
  /** Share of the machine's processors that programs outside of this benchmark took meanwhile. */
  others?: number;
  /** The same of other machines on the same host. */
  stolen?: number;
  note?: string;
}

export interface Servers {
  postgres: PostgresServer;
  redis: RedisServer;
}

export interface Bench extends Options {
  programs: Programs;
  /** Private servers, started when first asked for. */
  servers(): Promise<Servers>;
  relay(environment: Record<string, string>): Promise<RelayProcess>;
  generator(): Generator;
  remove(): Promise<void>;
}

export function openBench(options: Options, programs: Programs): Bench {
  let servers: Promise<Servers> | undefined;
  const living = new Set<{ stop(): Promise<unknown> }>();
  const keep = <T extends { stop(): Promise<unknown> }>(process: T): T => {
    living.add(process);
    return process;
  };
  return {
    ...options,
    programs,
    servers: () =>
      (servers ??= Promise.all([startPostgres(), startRedis()]).then(([postgres, redis]) => ({ postgres, redis }))),
    relay: async (environment) =>
      keep(await startRelayProcess(environment, { command: [...options.nodeOptions, programs.relay] })),
    generator: () => keep(startGenerator(programs.load, options.seed)),
    async remove() {
      await Promise.all([...living].map((process) => process.stop()));
      const started = await servers;
      await Promise.all([started?.postgres.remove(), started?.redis.remove()]);
      await programs.remove();
    },
  };
}

/** A relay on a fresh database of the private PostgreSQL and on Redis. */
export async function durableRelay(bench: Bench, more: Record<string, string> = {}): Promise<RelayProcess> {
  const { postgres, redis } = await bench.servers();
  return bench.relay({ DATABASE_URL: await postgres.newDatabase(), REDIS_URL: redis.url, ...more });
}

/** Registered over HTTP, as every device is; a few at a time. */
export async function registerDevices(url: string, count: number, prefix: string): Promise<TestDevice[]> {
  const devices: TestDevice[] = [];
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const register = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) devices.push(await newUser(url, name));
  };
  await Promise.all(Array.from({ length: 16 }, register));
  return devices;
}

export function loginOf(device: TestDevice, url = device.url): Login {
  return { url, hello: helloOf(device) };
}

export function recipients(device: TestDevice): Pair['to'] {
  return messageTo(device).recipients;
}

/** The first half writes to the second half. */
export function pairsOf(devices: readonly TestDevice[]): Pair[] {
  const half = devices.length / 2;
  return devices.slice(0, half).flatMap((_, from) => {
    const peer = devices[from + half];
    return peer ? [{ from, to: recipients(peer) }] : [];
  });
}

export interface Measured extends LoadResult {
  /** Microseconds per message. */
  cpu: Record<string, number>;
  others: number;
  stolen: number;
}

/** Runs a load and looks at who used the processors meanwhile. */
export async function withCpu(
  processes: Record<string, number | number[]>,
  work: () => Promise<LoadResult>,
): Promise<Measured> {
  const roots = Object.entries(processes).map(([name, pids]) => ({ name, pids: [pids].flat() }));
  const before = roots.map(({ pids }) => cpuMs(pids));
  const [machineBefore, started] = [machineMs(), performance.now()];
  const result = await work();
  const [machine, elapsed] = [machineMs(), performance.now() - started];
  const used = roots.map(({ pids }, index) => cpuMs(pids) - (before[index] ?? 0));
  const own = used.reduce((total, each) => total + each, 0);
  return {
    ...result,
    cpu: Object.fromEntries(
      roots.map(({ name }, index) => [name, round(((used[index] ?? 0) * 1e3) / result.received, 1)]),
    ),
    others: round(Math.max(0, machine.busy - machineBefore.busy - own) / elapsed, 2),
    stolen: round((machine.stolen - machineBefore.stolen) / elapsed, 2),
  };
}

export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN, 2);
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** One row from several runs of the same load: rates and percentiles are medians over the runs. */
export function summary(head: Pick<Row, 'figure' | 'what' | 'system'>, runs: readonly Measured[]): Row {
  const rates = runs.map(({ received, seconds }) => Math.round(received / seconds));
  const names = Object.keys(runs[0]?.cpu ?? {});
  return {
    ...head,
    value: median(rates),
    unit: 'messages/s',
    runs: rates,
    p50: median(runs.map(({ latencies }) => percentile(latencies, 0.5))),
    p99: median(runs.map(({ latencies }) => percentile(latencies, 0.99))),
    cpu: Object.fromEntries(names.map((name) => [name, median(runs.map(({ cpu }) => cpu[name] ?? 0))])),
    others: median(runs.map(({ others }) => others)),
    stolen: median(runs.map(({ stolen }) => stolen)),
  };
}
