import type { AppId } from '@sotto/protocol';

import type { AppDecision, AppStore, StoredApp } from '../app-store.js';
import { uuidArray } from './binary-array.js';
import type { Queryable, Sql } from './driver.js';

/** Rows that one transaction deletes from one table. */
const PURGE_ROWS = 2_000;
const PURGE_BOXES = 100;

/** What belongs to a mailbox, what to a user, and what to the app alone; a test compares them with the schema. */
export const MAILBOX_TABLES = ['envelopes', 'dedupes', 'prekeys', 'spent_prekeys'] as const;
export const ACCOUNT_TABLES = ['devices', 'sealings', 'link_tokens', 'used_resets'] as const;
export const APP_TABLES = ['payloads'] as const;

export function sqlApps(sql: Sql): AppStore {
  return {
    async revision() {
      const [row] = await sql.query<{ revision: string }>(
        "SELECT encode(value, 'hex') AS revision FROM settings WHERE name = 'apps-revision'",
      );
      return row?.revision ?? '';
    },

    list: () =>
      sql.query<StoredApp>(
        'SELECT app AS id, state, since, created_at AS "createdAt", record FROM apps ORDER BY created_at, app',
      ),

    update: (app, decide) => sql.transaction((transaction) => updateApp(transaction, app, decide)),

    purge: (app) => sql.patient.transaction((transaction) => purge(transaction, app)),
  };
}

/** All changes of apps wait for one row: they are rare, and their order is then the order of the revisions. */
async function updateApp<T>(
  sql: Queryable,
  app: AppId,
  decide: (current: StoredApp | null) => AppDecision<T>,
): Promise<T> {
  await sql.query(
    `INSERT INTO settings (name, value) VALUES ('apps-revision', uuid_send(gen_random_uuid()))
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  );
  const [current] = await sql.query<StoredApp>(
    'SELECT app AS id, state, since, created_at AS "createdAt", record FROM apps WHERE app = $1',
    [app],
  );
  const { write, result } = decide(current ?? null);
  if (write === null) await sql.query('DELETE FROM apps WHERE app = $1', [app]);
  else if (write) {
    await sql.query(
      `INSERT INTO apps (app, state, since, created_at, record) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (app) DO UPDATE SET state = excluded.state, since = excluded.since, record = excluded.record`,
      [app, write.state, write.since, write.createdAt, write.record],
    );
  }
  return result;
}

/**
 * Mailboxes first, locked in the order of all statements and taken off the list, so that nothing is written into them
 * any more; then users; last what a request that was under way has left behind.
 */
async function purge(sql: Queryable, app: AppId): Promise<number> {
  const boxes = await sql.query<{ mailbox: string }>(
    `WITH box AS MATERIALIZED (
       SELECT mailbox FROM mailboxes WHERE app = $1 AND device > 0 ORDER BY mailbox LIMIT ${PURGE_BOXES} FOR UPDATE
     ) UPDATE mailboxes m SET listed = false FROM box b WHERE m.app = $1 AND m.mailbox = b.mailbox RETURNING m.mailbox`,
    [app],
  );
  if (boxes.length > 0) {
    const keys = boxes.map(({ mailbox }) => mailbox);
    return removeOwned(sql, app, { owner: 'mailboxes', column: 'mailbox', keys, owned: MAILBOX_TABLES });
  }
  const users = await sql.query<{ account: string }>(
    `SELECT account FROM users WHERE app = $1 ORDER BY account LIMIT ${PURGE_BOXES} FOR UPDATE`,
    [app],
  );
  if (users.length > 0) {
    const keys = users.map(({ account }) => account);
    return removeOwned(sql, app, { owner: 'users', column: 'account', keys, owned: ACCOUNT_TABLES });
  }
  let removed = 0;
  for (const table of [...MAILBOX_TABLES, ...ACCOUNT_TABLES, ...APP_TABLES])
    removed += await removeSome(sql, app, table);
  return removed;
}

interface Owned {
  owner: 'mailboxes' | 'users';
  column: 'mailbox' | 'account';
  keys: string[];
  owned: readonly string[];
}

/** The owners themselves go only when nothing of them is left. */
async function removeOwned(sql: Queryable, app: AppId, { owner, column, keys, owned }: Owned): Promise<number> {
  const only = { text: `AND ${column} = ANY($2::uuid[])`, params: [uuidArray(keys)] };
  let removed = 0;
  for (const table of owned) removed += await removeSome(sql, app, table, only);
  if (removed >= PURGE_ROWS) return removed;
  await sql.query(`DELETE FROM ${owner} WHERE app = $1 ${only.text}`, [app, ...only.params]);
  return removed + keys.length;
}

async function removeSome(
  sql: Queryable,
  app: AppId,
  table: string,
  only: { text: string; params: Uint8Array[] } = { text: '', params: [] },
): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `WITH gone AS (
       DELETE FROM ${table} WHERE app = $1 AND ctid IN (
         SELECT ctid FROM ${table} WHERE app = $1 ${only.text} LIMIT ${PURGE_ROWS}
       ) RETURNING 1
     ) SELECT count(*)::int AS count FROM gone`,
    [app, ...only.params],
  );
  return row?.count ?? 0;
}
