import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import type { Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { submitBatch } from '../../src/store/sql/submit-sql.js';
import { APP, repeat, storeWorld } from '../contract/store-world.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { eventually } from '../support/servers.js';

/** One or two to a test; each brings every file to a disk that others use as well. */
const RECOVERY_MS = 60_000;
vi.setConfig({ testTimeout: 3 * RECOVERY_MS });

let postgres: PostgresServer;
let sql: Sql;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres.remove());

beforeEach(async () => {
  sql = openPostgres(await postgres.newDatabase(), { connections: 4, onError: () => undefined });
  await sql.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  await holdBackWal();
});
afterEach(() => sql.close());

async function walWriter(): Promise<number> {
  const [row] = await sql.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
  if (!row) throw new Error('There is no WAL writer.');
  return row.pid;
}

/** From here on nothing reaches the disk but what somebody waits for. */
async function holdBackWal(): Promise<void> {
  process.kill(await eventually('the WAL writer', walWriter), 'SIGSTOP');
}

/** One of its processes dies: PostgreSQL ends all others, forgets its memory and recovers from the disk. */
async function crash(): Promise<void> {
  const before = await walWriter();
  process.kill(before, 'SIGKILL');
  const recovered = async () => {
    if ((await walWriter()) === before) throw new Error('not yet');
  };
  await eventually('the recovery', recovered, RECOVERY_MS);
}

/** Answered before it is on disk. */
const write = (id: number) =>
  sql.line.query(
    `WITH written AS (INSERT INTO notes VALUES ($1) RETURNING id)
     SELECT id, set_config('synchronous_commit', 'off', true) FROM written`,
    [id],
  );

const written = async () => (await sql.query<{ id: number }>('SELECT id FROM notes ORDER BY id')).map(({ id }) => id);

test('what was only committed is lost in a crash, what was said to be durable is not', async () => {
  await Promise.all([1, 2, 3].map((id) => sql.line.durably(() => write(id))));
  await write(4);
  await crash();
  expect(await written()).toEqual([1, 2, 3]);
});

test('a crash between the commit and the flush: nothing is called durable that was lost', async () => {
  await sql.line.durably(() => write(1));
  const lost = sql.line.durably(async () => {
    await write(2);
    await crash();
  });
  await expect(lost).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' });
  expect(await written()).toEqual([1]);
  await sql.line.durably(() => write(3));
  expect(await written()).toEqual([1, 3]);
});

test('every outcome that a sender hears, and every envelope that a recipient is given, survives a crash', async () => {
  const store = await openSqlStore(sql);
  const world = storeWorld('durable', () => store);
  const bob = await world.newDevice();
  // The first of three goes alone, the others behind it.
  const answers = await Promise.all([1, 2, 3].map((size) => world.submit(repeat({ to: bob }, size))));
  await crash();
  expect((await world.readAll(bob)).map(({ seq }) => seq)).toEqual(answers.flat());

  await holdBackWal();
  const batch = world.batchOf([{ to: bob }]);
  await submitBatch(sql.line, APP, batch, 'in-order');
  const given = await world.readAll(bob);
  expect(given).toHaveLength(7);
  await crash();
  expect(await world.readAll(bob)).toEqual(given);
});
