import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { TcpProxy } from '../support/proxy.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

/** One PostgreSQL, as who administers it reaches it. */
interface Place {
  server: PostgresServer;
  port: number;
  url: string;
  admin: pg.Client;
}

let servers: PostgresServer[];
let before: Place;
let after: Place;
let address: TcpProxy;
/** By that address. */
let url: string;
let sql: Sql;

beforeAll(async () => {
  servers = await Promise.all([startPostgres({ fsync: false }), startPostgres({ fsync: false })]);
});
afterAll(() => Promise.all(servers.map((server) => server.remove())));

beforeEach(async () => {
  [before, after] = (await Promise.all(servers.map(open))) as [Place, Place];
  address = await new TcpProxy({ host: '127.0.0.1', port: before.port }).listen();
  url = before.url.replace(`:${before.port}/`, `:${address.port}/`);
  sql = openPostgres(url, { connections: 2, onError: () => undefined });
});
afterEach(async () => {
  await sql.close();
  await Promise.all([before.admin.end(), after.admin.end()]);
  await address.stop();
});

async function open(server: PostgresServer): Promise<Place> {
  const url = await server.newDatabase();
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query('CREATE TABLE notes (id integer PRIMARY KEY)');
  return { server, port: Number(new URL(url).port), url, admin };
}

/** The address leads to the other one from now on; the first lives on, and with it the connections that stand. */
function moveAddress(): void {
  address.retarget({ host: '127.0.0.1', port: after.port });
}

/** The connection of the write path's statements to the first one breaks. */
async function breakLine(): Promise<void> {
  const { rowCount } = await before.admin.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%INSERT%'`,
  );
  expect(rowCount).toBe(1);
}

const lineMoved = () =>
  eventually('the line to move', async () => {
    if ((await portOf(sql.line)) !== after.port) throw new Error('not yet');
  });

const write = (id: number) => sql.line.query('INSERT INTO notes VALUES ($1) RETURNING id', [id]);
const portOf = async (source: Pick<Sql, 'query'>) =>
  (await source.query<{ port: number }>('SELECT inet_server_port() AS port', []))[0]?.port;

test('what the line writes after it has moved is on the new one', async () => {
  await write(1);
  moveAddress();
  await breakLine();
  await lineMoved();
  await write(1);
  expect((await after.admin.query('SELECT id FROM notes')).rowCount).toBe(1);
});

test('what was under way on the old one when it was left is not said to be stored', async () => {
  await write(1);
  // Until that is over, the line waits to hear whether there is such a note already.
  await before.admin.query('BEGIN; INSERT INTO notes VALUES (2)');
  const late = write(2);
  await eventually('the wait', async () => {
    const { rowCount } = await before.admin.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    if (rowCount === 0) throw new Error('not yet');
  });
  moveAddress();
  expect(await portOf(sql)).toBe(after.port);
  await before.admin.query('ROLLBACK');
  await expect(late).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' });
});

test('pages come from the server on which the write path is', async () => {
  await write(1);
  expect(await portOf(sql)).toBe(before.port);
  moveAddress();
  await breakLine();
  await lineMoved();
  // Its connection to the first one is idle, and as good as ever.
  expect(await portOf(sql)).toBe(after.port);
  expect(await sql.transaction(portOf)).toBe(after.port);
});

test('the write path follows a page that came from the new one', async () => {
  await write(1);
  moveAddress();
  expect(await portOf(sql)).toBe(after.port);
  expect(await portOf(sql.line)).toBe(after.port);
});

test('that it has moved is told once, when it has', async () => {
  let moves = 0;
  sql.onMoved?.(() => moves++);
  await write(1);
  expect(await portOf(sql)).toBe(before.port);
  moveAddress();
  expect(moves).toBe(0);
  await breakLine();
  await lineMoved();
  expect(await portOf(sql)).toBe(after.port);
  expect(moves).toBe(1);
});

test('a node guards its place on the new one, though the old one lives on with its connection', async () => {
  await (await testRelay({ databaseUrl: after.url })).close();
  const relay = await testRelay({ databaseUrl: url });
  moveAddress();
  // The guard's connection to the first one is left alone.
  await before.admin.query(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'sotto-relay'",
  );
  await eventually('the guard on the new one', async () => {
    await fetch(`${relay.url}/readyz`);
    const { rowCount } = await after.admin.query(
      'SELECT FROM pg_locks WHERE classid = 7062844 AND objid > 0 AND granted',
    );
    if (rowCount === 0) throw new Error('not yet');
  });
  await expect(testRelay({ databaseUrl: after.url, takeoverMs: 0 })).rejects.toThrow(/Another relay runs/);
  await relay.close();
});
