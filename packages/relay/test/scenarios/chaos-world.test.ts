import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { World } from '../../chaos/world.js';
import type { Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { eventually } from '../support/servers.js';

/** A fault that does nothing proves nothing: what a chaos run does to PostgreSQL is felt where it should be. */
let world: World;
let sql: Sql;

beforeAll(async () => {
  world = await World.create(0);
});
afterAll(() => world.remove());

beforeEach(() => {
  sql = openPostgres(world.databaseUrl, { connections: 2, onError: () => undefined });
});
afterEach(() => sql.close());

const DAY_MS = 24 * 3_600_000;

test('a PostgreSQL whose clock jumps: the store says another time, and the right one again', async () => {
  const store = await openSqlStore(sql);
  const ahead = async () => Math.round(((await store.time()) - Date.now()) / DAY_MS);
  expect(await ahead()).toBe(0);
  await world.setDatabaseClock(50 * DAY_MS);
  expect(await ahead()).toBe(50);
  await world.setDatabaseClock(-DAY_MS);
  expect(await ahead()).toBe(-1);
  await world.setDatabaseClock(0);
  expect(await ahead()).toBe(0);
});

test('a disk that stalls: what waits for it is neither answered nor seen, what does not wait passes', async () => {
  await sql.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  const write = (id: number, commit: 'on' | 'off') =>
    sql.query(
      `WITH written AS (INSERT INTO notes VALUES ($1) RETURNING id)
       SELECT id, set_config('synchronous_commit', $2, true) FROM written`,
      [id, commit],
    );
  await world.stallCommits(true);
  let isAnswered = false;
  const answer = write(1, 'on').then(() => (isAnswered = true));
  await eventually('the wait for the disk', async () => {
    const waiting = await sql.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    if (waiting.length === 0) throw new Error('nobody waits');
  });
  await write(2, 'off');
  expect(await sql.query('SELECT id FROM notes')).toEqual([{ id: 2 }]);
  expect(isAnswered).toBe(false);
  await world.stallCommits(false);
  await answer;
});

test('a slow disk: every flush waits as long as was said, until it is fast again', async () => {
  const delay = async () => {
    const fresh = openPostgres(world.databaseUrl, { connections: 1, onError: () => undefined });
    const rows = await fresh.query<{ delay: string }>(
      "SELECT concat_ws('/', current_setting('commit_delay'), current_setting('commit_siblings'), current_setting('fsync')) AS delay",
    );
    return fresh.close().then(() => rows[0]?.delay);
  };
  const becomes = (expected: string) =>
    eventually(`commit_delay ${expected}`, async () => {
      const now = await delay();
      if (now !== expected) throw new Error(`it is ${now}`);
    });
  await world.slowFlushes(75);
  await becomes('75000/0/on');
  await world.slowFlushes(0);
  await becomes('0/5/on');
});
