import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { Relay, RelayConfigInput } from '../../src/index.js';
import { connect, messageTo, newUser } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

let postgres: PostgresServer;
let redis: RedisServer;
let otherRedis: RedisServer;
let databaseUrl: string;
const relays: Relay[] = [];

beforeAll(async () => {
  [postgres, redis, otherRedis] = await Promise.all([startPostgres({ fsync: false }), startRedis(), startRedis()]);
}, 60_000);

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.close()));
});

afterAll(() => Promise.all([postgres.remove(), redis.remove(), otherRedis.remove()]));

async function start(config: RelayConfigInput = {}): Promise<Relay> {
  const relay = await testRelay({ databaseUrl, redisUrl: redis.url, takeoverMs: 0, ...config });
  relays.push(relay);
  return relay;
}

async function readiness({ url }: Relay) {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, body: await response.json() };
}

const ready = (relay: Relay) =>
  eventually('its being ready', async () => {
    if ((await readiness(relay)).status !== 200) throw new Error('not yet');
  });

/** How many nodes have found that their bus is that of the others. */
async function proven(): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT FROM pg_locks WHERE classid = 7062844 AND objid = 2 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return rows.length;
  } finally {
    await client.end();
  }
}

test('nodes start while Redis is away, and are not ready; when it is back they hear each other', async () => {
  databaseUrl = await postgres.newDatabase();
  await redis.stop();
  const [north, south] = [await start(), await start()];
  expect(await readiness(north)).toMatchObject({ status: 503, body: { ready: false, store: true, bus: false } });
  const [alice, bob] = [await newUser(north.url, 'alice'), await newUser(south.url, 'bob')];
  const listening = await connect(bob);
  await redis.start();
  await Promise.all([ready(north), ready(south)]);
  const writing = await connect(alice);
  expect(await writing.submit(messageTo(bob))).toMatchObject({ ok: true, outcomes: ['stored'] });
  expect(await listening.delivered(1)).toHaveLength(1);
  await eventually('their knowing of each other', async () => {
    if ((await proven()) < 2) throw new Error('not yet');
  });
  await expect(start({ redisUrl: otherRedis.url })).rejects.toThrow(/use another Redis/);
}, 60_000);

test('a node without Redis is refused beside one whose Redis is away, and the other way round', async () => {
  databaseUrl = await postgres.newDatabase();
  await redis.stop();
  const alone = await testRelay({ databaseUrl, takeoverMs: 0 });
  await expect(start()).rejects.toThrow(/without REDIS_URL runs on this database/);
  await alone.close();
  await start();
  await expect(testRelay({ databaseUrl, takeoverMs: 0 })).rejects.toThrow(/use Redis/);
  await redis.start();
}, 60_000);

test('a node whose Redis comes back and is another one than that of the others stops by itself', async () => {
  databaseUrl = await postgres.newDatabase();
  await redis.stop();
  const stranger = await start();
  const other = await start({ redisUrl: otherRedis.url });
  await redis.start();
  expect(await stranger.evicted).toMatchObject({ code: 'config-invalid' });
  await ready(other);
}, 60_000);
