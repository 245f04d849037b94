import type { Queryable, Sql } from '../store/sql/driver.js';
import { StoreError } from '../store/store.js';
import { mailboxesAndDirectory } from './0001-mailboxes-and-directory.js';
import { apps } from './0002-apps.js';
import { deviceActivity } from './0003-device-activity.js';
import { sealings } from './0004-sealings.js';
import { deviceWarnings } from './0005-device-warnings.js';

/**
 * Forward only: a migration that was released is never changed, only followed by another. It only adds, and to one table at
 * most, so that nodes of the version before go on working while a deploy replaces them: who holds the lock of one table alone
 * is in nobody's way for long. Nothing in it looks at every row of a table: an index is only made for one that is new.
 */
export const MIGRATIONS: readonly string[] = [mailboxesAndDirectory, apps, deviceActivity, sealings, deviceWarnings];

/** Any number; all relays agree on it, so that only one of them migrates at a time. */
const ADVISORY_LOCK = 7_062_843;

/**
 * Everybody who comes later waits behind whoever waits for a table: so for no longer than this. Shorter than what PostgreSQL
 * takes to find a deadlock (1 s), so that it is the migration that gives way.
 */
const LOCK_MS = 500;

/** Between two tries others catch up. */
const PAUSE_MS = 1_000;

/** A backup may hold a table for long. After this many tries, ten minutes, the node ends, and whoever runs it notices. */
const TRIES = 400;

/**
 * Brings the schema up to date. Nodes that start together wait for each other.
 *
 * @param upTo the version of an older relay, for tests
 */
export async function migrate(sql: Sql['patient'], upTo = MIGRATIONS.length): Promise<void> {
  for (let tries = 1; ;) {
    try {
      if (!(await takeStep(sql, upTo))) return;
      tries = 1;
    } catch (error) {
      const gaveWay = error instanceof StoreError && error.code === 'conflict';
      if (!gaveWay || tries++ === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** One migration, if there is one left to do. */
function takeStep(sql: Sql['patient'], upTo: number): Promise<boolean> {
  return sql.transaction(async (transaction) => {
    await transaction.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    await transaction.query('CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY)');
    const done = await schemaVersion(transaction);
    const migration = MIGRATIONS.slice(0, upTo)[done];
    if (migration === undefined) return false;
    await transaction.query(`SET LOCAL lock_timeout = ${LOCK_MS}`);
    for (const statement of statements(migration)) await transaction.query(statement);
    await transaction.query('INSERT INTO migrations VALUES ($1)', [done + 1]);
    return true;
  });
}

/** Whether the tables are as this relay needs them; a newer relay's are, too. */
export async function isMigrated(sql: Queryable): Promise<boolean> {
  return (await schemaVersion(sql)) >= MIGRATIONS.length;
}

async function schemaVersion(sql: Queryable): Promise<number> {
  const [row] = await sql.query<{ version: number }>(
    'SELECT coalesce(max(version), 0)::int AS version FROM migrations',
  );
  return row?.version ?? 0;
}

/** One by one, because a prepared statement holds only one. Our migrations have no `;` inside a statement. */
export function statements(script: string): string[] {
  return script
    .replaceAll(/--.*$/gm, '')
    .split(';')
    .filter((statement) => statement.trim() !== '');
}
