import { afterAll, beforeAll, expect, test } from 'vitest';

import { isMigrated, migrate, MIGRATIONS, statements } from '../../src/migrations/migrate.js';
import type { Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { testRelay } from '../support/relay.js';

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
}, 60_000);
afterAll(() => postgres.remove());

async function onNewDatabase<T>(work: (sql: Sql, url: string) => Promise<T>): Promise<T> {
  const url = await postgres.newDatabase();
  const sql = openPostgres(url, { connections: 4, onError: () => undefined });
  return work(sql, url).finally(() => sql.close());
}

/** Columns and indexes, as PostgreSQL describes them. */
async function schemaOf(sql: Sql) {
  const columns = await sql.query(
    `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
     WHERE table_schema = 'public' ORDER BY table_name, column_name`,
  );
  const indexes = await sql.query("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef");
  return { columns, indexes };
}

test('from every older version, and run again by every node that starts, the schema becomes the same', async () => {
  const whole = await onNewDatabase(async (sql) => {
    await migrate(sql.patient);
    return schemaOf(sql);
  });
  for (let version = 0; version <= MIGRATIONS.length; version++) {
    await onNewDatabase(async (sql) => {
      await migrate(sql.patient, version);
      expect(await isMigrated(sql)).toBe(version === MIGRATIONS.length);
      await Promise.all([migrate(sql.patient), migrate(sql.patient), migrate(sql.patient)]);
      expect(await isMigrated(sql)).toBe(true);
      expect(await schemaOf(sql)).toEqual(whole);
    });
  }
});

/** What a relay of the version before does not notice: a new table, an index, a column that fills itself. */
const ADDS = /^(CREATE TABLE |CREATE INDEX |ALTER TABLE \w+ ADD (?:(?!NOT NULL).)+$|ALTER TABLE \w+ ADD .+ DEFAULT )/s;

test('after the first, a migration only adds, so that old nodes and new ones run side by side', () => {
  const later = MIGRATIONS.slice(1).flatMap((migration) => statements(migration).map((text) => text.trim()));
  expect(later.length).toBeGreaterThan(4);
  expect(later.filter((text) => !ADDS.test(text))).toEqual([]);
  const harmful = [
    'DROP TABLE devices',
    'ALTER TABLE devices ADD day integer NOT NULL',
    'ALTER TABLE devices DROP seen_day',
    'ALTER TABLE devices RENAME seen_day TO day',
    'CREATE UNIQUE INDEX devices_day ON devices (seen_day)',
  ];
  expect(harmful.filter((text) => ADDS.test(text))).toEqual([]);
});

test('a node is not ready while its database is an older copy, and ready again once a node has started on it', async () => {
  await onNewDatabase(async (sql, url) => {
    const relay = await testRelay({}, { store: await openSqlStore(sql) });
    const readiness = async () => {
      const response = await fetch(`${relay.url}/readyz`);
      return { status: response.status, body: await response.json() };
    };
    try {
      expect(await readiness()).toMatchObject({ status: 200, body: { migrations: true } });
      await sql.query('DELETE FROM migrations WHERE version > 1');
      expect(await readiness()).toMatchObject({ status: 503, body: { ready: false, store: true, migrations: false } });
      await sql.query('DROP TABLE sealings');
      await sql.query('DROP TABLE apps');
      await sql.script('ALTER TABLE devices DROP seen_day; DROP INDEX mailboxes_app; DROP INDEX users_app');
      const fresh = openPostgres(url, { connections: 2, onError: () => undefined });
      await (await openSqlStore(fresh)).close();
      expect(await readiness()).toMatchObject({ status: 200, body: { ready: true, migrations: true } });
    } finally {
      await relay.close();
    }
  });
});
