import { readdirSync, readFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ACCOUNT_TABLES, APP_TABLES, MAILBOX_TABLES } from '../../src/store/sql/app-sql.js';
import type { Sql } from '../../src/store/sql/driver.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';

/** Small tables that every server holds whole. */
const REFERENCE = ['apps', 'migrations', 'settings'];

/** Reads about all apps, which may ask every server: metrics, and what upkeep has to look at. */
const GLOBAL = [
  /^SELECT DISTINCT app, account AS "user" FROM \( SELECT d.app, d.account FROM devices d /,
  /^SELECT DISTINCT app FROM users$/,
  /^SELECT coalesce\(sum\(held\), 0\)::bigint AS held FROM mailboxes$/,
];

const FOLDER = new URL('../../src/store/sql/', import.meta.url);

let sql: Sql;
let tables: string[];

beforeAll(async () => {
  sql = await openPglite();
  await openSqlStore(sql);
  const rows = await sql.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`,
  );
  tables = rows.map(({ name }) => name).filter((name) => !REFERENCE.includes(name));
}, 60_000);

afterAll(() => sql.close());

test('every table is known to what deletes an app', () => {
  const owned = [...MAILBOX_TABLES, ...ACCOUNT_TABLES, ...APP_TABLES];
  expect(tables.sort()).toEqual([...owned, 'mailboxes', 'users'].sort());
});

test('every table has the app in a column of one type, and in every unique index', async () => {
  const columns = await sql.query<{ name: string; type: string }>(
    `SELECT table_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'app' AND is_nullable = 'NO' AND table_name <> 'apps'`,
  );
  expect(columns.map(({ name }) => name).sort()).toEqual(tables.sort());
  expect(new Set(columns.map(({ type }) => type))).toEqual(new Set(['text']));
  const without = await sql.query<{ name: string }>(
    `SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
       SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND a.attname = 'app')`,
  );
  expect(without.map(({ name }) => name).sort()).toEqual(['migrations_pkey', 'settings_pkey']);
});

test('no foreign keys, triggers, sequences or identity columns', async () => {
  const [row] = await sql.query<{ count: number }>(
    `SELECT (SELECT count(*) FROM pg_constraint WHERE contype IN ('f', 't', 'x') AND connamespace = 'public'::regnamespace)
       + (SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace)
       + (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          WHERE c.relnamespace = 'public'::regnamespace) AS count`,
  );
  expect(Number(row?.count)).toBe(0);
});

const statements = readdirSync(FOLDER).flatMap((file) => {
  const source = readFileSync(new URL(file, FOLDER), 'utf8');
  const texts = source.match(/`[^`]*`|'(?:[^'\\\n]|\\.)*'|"[^"\n]*"/g) ?? [];
  return texts
    .map((text) => text.slice(1, -1).replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ').trim())
    .filter((text) => /^(WITH|SELECT|INSERT|UPDATE|DELETE)\b/.test(text))
    .map((text) => ({ file, text }));
});

test('every statement names the app of every distributed table that it touches', () => {
  expect(statements.length).toBeGreaterThan(30);
  const missing = statements.flatMap(({ file, text }) => {
    if (GLOBAL.some((pattern) => pattern.test(text))) return [];
    return withoutApp(text).map((name) => `${file}: ${name} in ${text.slice(0, 80)}`);
  });
  expect(missing).toEqual([]);
});

test('the check sees what it is for', () => {
  expect(withoutApp('SELECT id FROM envelopes WHERE mailbox = $2')).toEqual(['envelopes']);
  expect(withoutApp('SELECT 1 FROM users u JOIN devices d ON d.account = u.account WHERE u.app = $1')).toEqual(['d']);
  expect(withoutApp('INSERT INTO dedupes (mailbox, digest) VALUES ($2, $3)')).toEqual(['dedupes']);
  expect(withoutApp('DELETE FROM payloads p WHERE p.app = $1')).toEqual([]);
});

/** Tables, or their names in the statement, that have no `app = $n` and no app among the columns inserted. */
function withoutApp(text: string): string[] {
  const inserts = [...text.matchAll(/INSERT INTO (\w+) \(([^)]*)\)/g)]
    .filter(([, table = '', columns = '']) => tables.includes(table) && !/\bapp\b/.test(columns))
    .map(([, table = '']) => table);
  const pattern = /(?:FROM|JOIN|UPDATE|USING) (\w+)(?: (?!SET|WHERE|ON|LEFT|JOIN|ORDER|LIMIT|FOR|USING)(\w+))?/g;
  const others = [...text.matchAll(pattern)].flatMap(([, table = '', alias]) => {
    if (!tables.includes(table) && table !== '$') return [];
    const isNamed = new RegExp(alias === undefined ? '(?<!\\.)\\bapp = \\$\\d' : `\\b${alias}\\.app = \\$\\d`).test(
      text,
    );
    return isNamed ? [] : [alias ?? table];
  });
  return [...inserts, ...others];
}
