import { afterAll, beforeAll, expect, test } from 'vitest';

import { isMigrated, migrate, MIGRATIONS, statements } from '../../src/migrations/migrate.js';
import type { Queryable, Sql } from '../../src/store/sql/driver.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

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

/** A column that is empty, or fills itself: it is there at once, however many rows the table has. */
const COLUMN =
  /^ALTER TABLE \w+ ADD (?:COLUMN )?\w+ (?:(?!NOT NULL).)+$|^ALTER TABLE \w+ ADD (?:COLUMN )?\w+ .+ DEFAULT /s;

/** What looks at every row, or writes it anew, while nobody else may write; and what changes what old nodes may write. */
const HEAVY =
  /\b(UNIQUE|PRIMARY KEY|REFERENCES|CHECK|CONSTRAINT|FOREIGN KEY|EXCLUDE|GENERATED|IDENTITY|SERIAL|random|gen_random_uuid|clock_timestamp|nextval)\b/i;

/** These came before the rule, and are in every database. */
const BEFORE_THE_RULE = ['mailboxes_app', 'users_app', 'devices_seen'];

/**
 * What of a migration a relay of the version before would notice. An index is made while nobody may write to its table, which for
 * a large one takes minutes; `CONCURRENTLY` it cannot be made, as a migration is one transaction. So only for a new table.
 */
function noticed(migration: string): string[] {
  const own = new Set<string>();
  return statements(migration)
    .map((text) => text.trim())
    .filter((text) => {
      const [, made] = /^CREATE TABLE (\w+)/.exec(text) ?? [];
      if (made !== undefined) own.add(made);
      const [, altered = ''] = /^ALTER TABLE (\w+)/.exec(text) ?? [];
      const [, index = '', indexed = ''] = /^CREATE (?:UNIQUE )?INDEX (\w+) ON (\w+)/.exec(text) ?? [];
      if (made !== undefined || own.has(altered) || own.has(indexed)) return false;
      return !(COLUMN.test(text) && !HEAVY.test(text)) && !BEFORE_THE_RULE.includes(index);
    });
}

test('after the first, a migration only adds, so that old nodes and new ones run side by side', () => {
  const later = MIGRATIONS.slice(1);
  expect(later.length).toBeGreaterThan(3);
  expect(later.flatMap(noticed)).toEqual([]);
});

test.each([
  'DROP TABLE devices',
  'ALTER TABLE devices ADD day integer NOT NULL',
  'ALTER TABLE devices DROP seen_day',
  'ALTER TABLE devices RENAME seen_day TO day',
  'ALTER TABLE devices ADD UNIQUE (seen_day)',
  'ALTER TABLE devices ADD day integer UNIQUE',
  'ALTER TABLE devices ADD CONSTRAINT positive CHECK (seen_day > 0)',
  'ALTER TABLE devices ADD day integer DEFAULT 0 CHECK (day >= 0)',
  'ALTER TABLE devices ADD name uuid DEFAULT gen_random_uuid()',
  'ALTER TABLE devices ADD day integer GENERATED ALWAYS AS (seen_day + 1) STORED',
  'CREATE UNIQUE INDEX devices_day ON devices (seen_day)',
  'CREATE INDEX devices_day ON devices (seen_day)',
  'CREATE INDEX CONCURRENTLY devices_day ON devices (seen_day)',
  'CREATE TABLE b (c text); CREATE INDEX d ON devices (seen_day)',
  'CREATE INDEX d ON b (c); CREATE TABLE b (c text)',
  'UPDATE devices SET seen_day = 1',
])('an old node would notice: %s', (migration) => {
  expect(noticed(migration)).toHaveLength(1);
});

test.each([
  'CREATE TABLE b (c text NOT NULL UNIQUE); CREATE UNIQUE INDEX d ON b (c); CREATE INDEX e ON b (c)',
  'ALTER TABLE devices ADD day integer',
  'ALTER TABLE devices ADD COLUMN day integer NOT NULL DEFAULT 0',
])('an old node does not notice: %s', (migration) => {
  expect(noticed(migration)).toEqual([]);
});

/** The tables that a migration locks, but for those that it makes. */
function locked(migration: string): Set<string> {
  const found = new Set<string>();
  const own = new Set<string>();
  for (const text of statements(migration)) {
    const [, made, altered, indexed] =
      /^\s*(?:CREATE TABLE (\w+)|ALTER TABLE (\w+)|CREATE INDEX \w+ ON (\w+))/.exec(text) ?? [];
    if (made !== undefined) own.add(made);
    const table = altered ?? indexed;
    if (table !== undefined && !own.has(table)) found.add(table);
  }
  return found;
}

test('a migration adds to one table at most, so that it never holds one while it waits for another', () => {
  // The second came before anything was released.
  const [, , ...later] = MIGRATIONS;
  expect(Math.max(...later.map((migration) => locked(migration).size))).toBe(1);
  const both =
    'ALTER TABLE users ADD a text; CREATE TABLE b (c text); CREATE INDEX d ON b (c); CREATE INDEX e ON devices (f)';
  expect([...locked(both)]).toEqual(['users', 'devices']);
});

/**
 * While somebody works in a transaction a node starts whose migration wants the same table.
 *
 * @param done the version that was there
 */
async function besideMigration(
  done: number,
  before: string,
  meanwhile: (open: Queryable, sql: Sql) => Promise<unknown>,
): Promise<void> {
  await onNewDatabase(async (sql) => {
    await migrate(sql.patient, done);
    let migrating: Promise<void> | undefined;
    await sql.patient.transaction(async (open) => {
      await open.query(before);
      migrating = migrate(sql.patient);
      // It is awaited below.
      migrating.catch(() => undefined);
      await eventually('its waiting for the table', async () => {
        const rows = await sql.query("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'");
        if (rows.length === 0) throw new Error('not yet');
      });
      await meanwhile(open, sql);
    });
    await migrating;
    expect(await isMigrated(sql)).toBe(true);
  });
}

test('who reads a table for long holds up a migration, but nobody else', async () => {
  await besideMigration(2, 'SELECT 1 FROM devices', (_backup, others) => others.query('SELECT 1 FROM devices'));
});

test('where a migration and somebody else wait for each other, it is the migration that gives way', async () => {
  // The second adds to mailboxes first, to users then.
  await besideMigration(1, 'UPDATE users SET list_version = 1 WHERE false', (open) =>
    open.query('UPDATE mailboxes SET head = 1 WHERE false'),
  );
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
      await sql.script(
        'ALTER TABLE devices DROP seen_day, DROP warned_day; DROP INDEX mailboxes_app; DROP INDEX users_app',
      );
      const fresh = openPostgres(url, { connections: 2, onError: () => undefined });
      await (await openSqlStore(fresh)).close();
      expect(await readiness()).toMatchObject({ status: 200, body: { ready: true, migrations: true } });
    } finally {
      await relay.close();
    }
  });
});
