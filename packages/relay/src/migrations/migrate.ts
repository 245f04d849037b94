import type { Sql } from '../store/sql/driver.js';
import { mailboxesAndDirectory } from './0001-mailboxes-and-directory.js';
import { apps } from './0002-apps.js';
import { deviceActivity } from './0003-device-activity.js';

/** Forward only: a migration that was released is never changed, only followed by another. */
const MIGRATIONS: readonly string[] = [mailboxesAndDirectory, apps, deviceActivity];

/** Any number; all relays agree on it, so that only one of them migrates at a time. */
const ADVISORY_LOCK = 7_062_843;

/** Brings the schema up to date. Nodes that start together wait for each other. */
export async function migrate(sql: Sql): Promise<void> {
  await sql.transaction(async (transaction) => {
    await transaction.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    await transaction.query('CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY)');
    const [row] = await transaction.query<{ version: number }>(
      'SELECT coalesce(max(version), 0)::int AS version FROM migrations',
    );
    const done = row?.version ?? 0;
    for (const [index, migration] of MIGRATIONS.entries()) {
      if (index < done) continue;
      for (const statement of statements(migration)) await transaction.query(statement);
      await transaction.query('INSERT INTO migrations VALUES ($1)', [index + 1]);
    }
  });
}

/** One by one, because a prepared statement holds only one. Our migrations have no `;` inside a statement. */
function statements(script: string): string[] {
  return script
    .replaceAll(/--.*$/gm, '')
    .split(';')
    .filter((statement) => statement.trim() !== '');
}
