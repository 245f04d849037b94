import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import type { Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { connect, messageTo, newUser, type TestSocket } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { TcpProxy } from '../support/proxy.js';
import { testRelay } from '../support/relay.js';

/** Far more than a statement of these tests takes, and short enough to wait for. */
const ANSWER_MS = 1_000;

let postgres: PostgresServer;
let proxy: TcpProxy;
let sql: Sql;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
});
afterAll(() => postgres.remove());

beforeEach(async () => {
  const url = await postgres.newDatabase();
  const { hostname, port } = new URL(url);
  proxy = await new TcpProxy({ host: hostname, port: Number(port) }).listen();
  sql = openPostgres(url.replace(`:${port}/`, `:${proxy.port}/`), {
    connections: 4,
    answerMs: ANSWER_MS,
    onError: () => undefined,
  });
});
afterEach(async () => {
  await sql.close();
  await proxy.stop();
});

const UNAVAILABLE = { status: 'rejected', reason: { name: 'StoreError', code: 'unavailable' } };

test('a PostgreSQL that never answers: every kind of statement fails as unavailable, and then all works again', async () => {
  await sql.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  const write = (id: number) => sql.line.query('INSERT INTO notes VALUES ($1) RETURNING id', [id]);
  await write(1);
  proxy.swallow();
  const standing = [write(2), write(3), sql.query('SELECT 1'), sql.transaction((open) => open.query('SELECT 1'))];
  expect(await Promise.allSettled(standing)).toMatchObject(standing.map(() => UNAVAILABLE));
  // Now there is no connection, and nobody who would open one.
  const opening = [write(4), sql.query('SELECT 1'), sql.transaction((open) => open.query('SELECT 1'))];
  expect(await Promise.allSettled(opening)).toMatchObject(opening.map(() => UNAVAILABLE));
  proxy.heal();
  await write(5);
  expect(await sql.query('SELECT id FROM notes ORDER BY id')).toEqual([{ id: 1 }, { id: 5 }]);
}, 30_000);

test('connections that a firewall has forgotten: the line and the pool are made anew', async () => {
  await sql.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  const write = (id: number) => sql.line.query('INSERT INTO notes VALUES ($1) RETURNING id', [id]);
  await write(1);
  proxy.silence('answers');
  const [two, three] = await Promise.allSettled([write(2), write(3)]);
  expect([two, three]).toMatchObject([UNAVAILABLE, UNAVAILABLE]);
  expect(await write(4)).toEqual([{ id: 4 }]);
  // They were carried out, only nobody said so: `unavailable` promises nothing.
  expect(await sql.line.query('SELECT id FROM notes ORDER BY id')).toEqual([1, 2, 3, 4].map((id) => ({ id })));
});

test('a transaction that falls silent leaves no lock behind for longer than its connection', async () => {
  await sql.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  await sql.query('INSERT INTO notes VALUES (1)');
  const lock = 'SELECT id FROM notes WHERE id = 1 FOR UPDATE';
  const silent = sql.transaction(async (open) => {
    await open.query(lock);
    proxy.silence();
    await open.query('SELECT 1');
  });
  await expect(silent).rejects.toMatchObject({ code: 'unavailable' });
  expect(await sql.transaction((open) => open.query(lock))).toEqual([{ id: 1 }]);
});

test('what waits for a row that somebody holds fails as unavailable too, and the line goes on', async () => {
  await sql.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  await sql.query('INSERT INTO notes VALUES (1)');
  const lock = 'SELECT id FROM notes WHERE id = 1 FOR UPDATE';
  await sql.patient.transaction(async (open) => {
    await open.query(lock);
    await expect(sql.line.query(lock, [])).rejects.toMatchObject({ code: 'unavailable' });
    expect(await sql.line.query('SELECT 2 AS two', [])).toEqual([{ two: 2 }]);
  });
});

test('work that may take long is not cut short', async () => {
  const slow = 'SELECT 1 AS one FROM pg_sleep($1::float8)';
  expect(await sql.patient.query(slow, [(1.5 * ANSWER_MS) / 1000])).toEqual([{ one: 1 }]);
});

test('closing does not wait for a PostgreSQL that says nothing', async () => {
  await Promise.all([sql.line.query('SELECT 1', []), sql.query('SELECT 1')]);
  proxy.swallow();
  await sql.close();
});

test('a relay whose PostgreSQL falls silent: submits and acks are refused, repeated, stored once and in order', async () => {
  const relay: Relay = await testRelay({}, { store: await openSqlStore(sql) });
  try {
    const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
    const [from, to] = [await connect(alice), await connect(bob)];
    await Promise.all([from.next('drained'), to.next('drained')]);
    const messages = Array.from({ length: 6 }, () => messageTo(bob));
    expect(await outcomes(from, messages.slice(0, 2))).toEqual(['stored', 'stored']);
    const [, second] = await to.delivered(2);
    proxy.silence('answers');
    const [refused, ack] = await Promise.all([outcomes(from, messages.slice(2, 4)), to.ack(second ?? fail())]);
    expect(refused).toEqual(['unavailable', 'unavailable']);
    expect(ack).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    // What was carried out in silence is a duplicate now; nothing is stored twice.
    expect(await outcomes(from, messages.slice(2))).toEqual(['duplicate', 'duplicate', 'stored', 'stored']);
    // Nobody was told of the two; that they come again tells it.
    const delivered = await to.delivered(6);
    expect(delivered.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(delivered.map(({ id }) => hex(id))).toEqual(messages.map(({ id }) => hex(id)));
    expect(await to.ack(delivered[5] ?? fail())).toMatchObject({ ok: true });
    from.close();
    to.close();
  } finally {
    await relay.close();
  }
});

async function outcomes(socket: TestSocket, messages: ReturnType<typeof messageTo>[]): Promise<string[]> {
  const replies = await Promise.all(messages.map((message) => socket.submit(message)));
  return replies.map((reply) => (reply.ok ? reply.outcomes.join() : reply.error.code));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function fail(): never {
  throw new Error('There is one.');
}
