import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import pg from 'pg';

import type { Relay, RelayConfigInput } from '../../src/index.js';
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
  [postgres, redis, otherRedis] = await Promise.all([startPostgres(), startRedis(), startRedis()]);
}, 60_000);

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.close()));
});

afterAll(() => Promise.all([postgres.remove(), redis.remove(), otherRedis.remove()]));

async function start(config: RelayConfigInput = {}): Promise<Relay> {
  const relay = await testRelay({ databaseUrl, takeoverMs: 0, ...config });
  relays.push(relay);
  return relay;
}

const refusal = (config: RelayConfigInput = {}): Promise<unknown> =>
  start(config).then(
    () => 'it started',
    (error: unknown) => error,
  );

const withRedis = () => ({ redisUrl: redis.url });
const says = (words: RegExp): unknown =>
  expect.objectContaining({ code: 'config-invalid', message: expect.stringMatching(words) as unknown });

/** Ends the guard's connection of every relay, as a failing network does. */
async function cutGuards(): Promise<void> {
  await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sotto-relay-guard'");
}

async function sql(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Resolves when a guard holds its lock again. */
const guarded = () =>
  eventually('a guard', async () => {
    const rows = await sql('SELECT FROM pg_locks WHERE classid = 7062844 AND objid > 0 AND granted');
    if (rows.length === 0) throw new Error('nobody');
  });

describe('without Redis', () => {
  beforeAll(async () => {
    databaseUrl = await postgres.newDatabase();
  });

  test('a second node is refused, with or without Redis; when the first has gone the next one starts', async () => {
    const first = await start();
    expect(await refusal()).toEqual(says(/without REDIS_URL two of them cannot reach each other/));
    expect(await refusal(withRedis())).toEqual(says(/without REDIS_URL runs on this database/));
    await first.close();
    await start();
  });

  test('a node that starts while another is going waits for it', async () => {
    const first = await start();
    const second = start({ takeoverMs: 20_000 });
    await first.close();
    expect((await second).port).toBeGreaterThan(0);
  });

  test('another database of the same server is another matter', async () => {
    await start();
    await start({ databaseUrl: await postgres.newDatabase() });
  });

  test('a lost lock is taken again', async () => {
    await start();
    await cutGuards();
    await guarded();
    expect(await refusal()).toEqual(says(/Another relay runs/));
  });

  test('who lost its lock and finds another node in its place stops by itself', async () => {
    const first = await start();
    const usurper = new pg.Client({ connectionString: databaseUrl });
    await usurper.connect();
    // Holding the lock of those who start, it is faster for certain.
    await usurper.query('SELECT pg_advisory_lock(7062844, 0)');
    await cutGuards();
    await usurper.query('SELECT pg_advisory_lock_shared(7062844, 1)');
    await usurper.query('SELECT pg_advisory_unlock(7062844, 0)');
    expect(await first.evicted).toEqual(says(/Another relay runs/));
    await first.close();
    await expect(fetch(`${first.url}/healthz`)).rejects.toThrow();
    await usurper.end();
  });

  test('PostgreSQL restarts: the node guards again', async () => {
    await start();
    await postgres.stop('immediate');
    await postgres.start();
    await guarded();
    expect(await refusal()).toEqual(says(/Another relay runs/));
  }, 30_000);
});

describe('with Redis', () => {
  beforeAll(async () => {
    databaseUrl = await postgres.newDatabase();
  });

  test('nodes on the same Redis live together, also when they start at once; others are refused', async () => {
    await Promise.all([start(withRedis()), start(withRedis()), start(withRedis())]);
    expect(await refusal()).toEqual(says(/use Redis/));
    expect(await refusal({ redisUrl: otherRedis.url })).toEqual(says(/use another Redis/));
  });

  test('when all have gone, the next one may use another Redis', async () => {
    await start({ redisUrl: otherRedis.url });
    expect(await refusal(withRedis())).toEqual(says(/use another Redis/));
  });

  test('a Redis that was emptied gets its name back, and a node that starts meanwhile waits for it', async () => {
    await start(withRedis());
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    await start({ ...withRedis(), takeoverMs: 20_000 });
  }, 30_000);
});
