import pg from 'pg';

import {
  loginOf,
  median,
  recipients,
  registerDevices,
  round,
  type Bench,
  type Generator,
  type Row,
} from '../context.js';
import { now } from '../load/party.js';

const DEVICES = 1_000;
const SYSTEM = 'Sotto: PostgreSQL + Redis';

/** One ciphertext for a thousand devices: to devices that are offline (what is stored), and to ones that are online. */
export async function fanout(bench: Bench): Promise<Row[]> {
  const { postgres, redis } = await bench.servers();
  const url = await postgres.newDatabase();
  const relay = await bench.relay({ DATABASE_URL: url, REDIS_URL: redis.url });
  const [[sender], devices] = [
    await registerDevices(relay.url, 1, 'fanout-sender'),
    await registerDevices(relay.url, DEVICES, 'fanout'),
  ];
  if (!sender) throw new Error('The sender is registered.');
  const [author, audience] = [bench.generator(), bench.generator()];
  await author.call('connect', [loginOf(sender)]);
  const pair = { from: 0, to: devices.flatMap(recipients) };
  await author.call('once', [pair]);
  const stored = await whatIsStored(url);
  await audience.call(
    'connect',
    devices.map((device) => loginOf(device)),
  );
  await audience.call('settled', DEVICES);
  const runs: { stored: number; acked: number }[] = [];
  for (let run = 1; run <= bench.runs; run++) runs.push(await once(author, audience, pair, (run + 1) * DEVICES));
  await Promise.all([author.stop(), audience.stop(), relay.stop()]);
  const head = { figure: 'fanout', system: SYSTEM, unit: 'ms' };
  const row = (what: string, values: number[], note = ''): Row => ({
    ...head,
    what,
    value: median(values),
    runs: values,
    note,
  });
  return [
    row(
      `one ciphertext to ${DEVICES} devices: until the sender is answered`,
      runs.map((each) => each.stored),
    ),
    row(
      `one ciphertext to ${DEVICES} devices: until all have acknowledged`,
      runs.map((each) => each.acked),
      stored,
    ),
  ];
}

async function once(
  author: Generator,
  audience: Generator,
  pair: { from: number; to: ReturnType<typeof recipients> },
  total: number,
) {
  const started = now();
  const settled = audience.call('settled', total);
  const [stored = NaN] = await author.call('once', [pair]);
  return { stored: round(stored, 1), acked: round((await settled) - started, 1) };
}

async function whatIsStored(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ envelopes: number; payloads: number; bytes: number; shared: number }>(
    `SELECT (SELECT count(*)::int FROM envelopes) AS envelopes, (SELECT count(*)::int FROM payloads) AS payloads,
       (SELECT sum(pg_column_size(e.*))::int FROM envelopes e) AS bytes,
       (SELECT sum(pg_column_size(p.*))::int FROM payloads p) AS shared`,
  );
  await client.end();
  const [row] = rows;
  if (!row) throw new Error('PostgreSQL answers.');
  return `stored: ${row.envelopes} envelope rows of ${row.bytes} bytes in all, ${row.payloads} payload of ${row.shared} bytes`;
}
