import type { Envelope } from '@sotto/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import type { Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { APP, repeat, storeWorld, type Device } from '../contract/store-world.js';
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

test('what a statement does not wait for is lost in such a crash', async () => {
  const write = (id: number, commit: 'on' | 'off') =>
    sql.line.query(
      `WITH written AS (INSERT INTO notes VALUES ($1) RETURNING id)
       SELECT id, set_config('synchronous_commit', $2, true) FROM written`,
      [id, commit],
    );
  await write(1, 'on');
  await write(2, 'off');
  await crash();
  expect(await sql.query('SELECT id FROM notes')).toEqual([{ id: 1 }]);
});

test('every outcome that a sender hears, and every envelope that a recipient is given, survives a crash', async () => {
  const store = await openSqlStore(sql);
  const world = storeWorld('durable', () => store);
  const [bob, carol] = [await world.newDevice(), await world.newDevice()];
  const seqsOf = async () => (await world.readAll(bob)).map(({ seq }) => seq);
  await world.submit(repeat({ to: carol }, 2));
  const answers = await Promise.all([1, 2, 3].map((size) => world.submit(repeat({ to: bob }, size))));
  await crash();
  expect(await seqsOf()).toEqual(answers.flat());

  await holdBackWal();
  // These do not wait for the disk, on the same connection; what follows does.
  const ackTo = (device: Device, { seq, id }: Envelope) => ({ mailbox: device.mailbox, seq, id });
  const [toCarol, next] = await world.readAll(carol);
  const [toBob] = await world.readAll(bob);
  if (!toCarol || !next || !toBob) throw new Error('What was answered is not there.');
  await store.ack(APP, [ackTo(carol, toCarol)]);
  await store.ack(APP, [ackTo(carol, next), ackTo(bob, toBob)]);
  const before = await seqsOf();
  const writing = Promise.allSettled(Array.from({ length: 20 }, () => world.submit(repeat({ to: bob }, 10))));
  const given = await eventually('something new in the mailbox', async () => {
    const page = await world.readAll(bob);
    if (page.length === before.length) throw new Error('not yet');
    return page;
  });
  await crash();
  const heard = (await writing).flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const stored = await seqsOf();
  for (const seq of [...heard, ...given.map((envelope) => envelope.seq)]) expect(stored).toContain(seq);
});
