import {
  durableRelay,
  loginOf,
  pairsOf,
  registerDevices,
  summary,
  withCpu,
  type Bench,
  type Measured,
  type Row,
} from '../context.js';
import { rabbitThroughput } from '../peers/rabbitmq.js';

const PAIRS = 50;
const OUTSTANDING = 8;
const WHAT = `${PAIRS} pairs x ${OUTSTANDING} outstanding`;

/** Durable one-to-one messages as fast as they go. Relay and peer take turns, so that both have the same weather. */
export async function throughput(bench: Bench): Promise<Row[]> {
  const relay = await durableRelay(bench);
  const { postgres, redis } = await bench.servers();
  const generator = bench.generator();
  const devices = await registerDevices(relay.url, PAIRS * 2, 'closed');
  await generator.call(
    'connect',
    devices.map((device) => loginOf(device)),
  );
  const load = { pairs: pairsOf(devices), outstanding: OUTSTANDING };
  const processes = { relay: relay.pid, postgres: postgres.pid, redis: redis.pid, load: generator.pid };
  const own: Measured[] = [];
  const peer: Measured[] = [];
  // The first run warms up: compilers, caches, the first pages of the tables.
  await generator.call('closed', { ...load, seconds: 1 });
  let missing = '';
  for (let run = 0; run < bench.runs; run++) {
    own.push(await withCpu(processes, () => generator.call('closed', { ...load, seconds: bench.seconds })));
    const result = await rabbitThroughput({ pairs: PAIRS, outstanding: OUTSTANDING, seconds: bench.seconds });
    if (typeof result === 'string') missing = result;
    else peer.push(result);
  }
  await Promise.all([generator.stop(), relay.stop()]);
  const head = { figure: 'throughput', what: WHAT };
  const row = summary({ ...head, system: 'Sotto: PostgreSQL + Redis' }, own);
  return peer.length > 0
    ? [row, { ...summary({ ...head, system: 'RabbitMQ quorum queues' }, peer), note: 'client library: amqplib' }]
    : [{ ...row, note: missing }];
}
