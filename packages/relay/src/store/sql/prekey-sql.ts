import type { AppId, PreKeyCounts } from '@sotto/protocol';

import type { MailboxId } from '../../mailbox/mailbox-id.js';
import {
  PREKEY_KIND,
  spentDigest,
  unpackOneTime,
  unpackSigned,
  uploadedRecords,
  type PreKeyKind,
  type PreKeyRecord,
} from '../prekey-record.js';
import type { PreKeyUpload, StoredBundle } from '../store.js';
import { byteaArray, int4Array, uuidArray } from './binary-array.js';
import type { Queryable } from './driver.js';

/**
 * Uploads and fetches of one device exclude each other through its standing prekeys (uploads lock them, fetches share
 * them): else an upload that is repeated could bring back a key whose hand-out has not been committed yet.
 */
const STANDING = 'SELECT kind, id, record FROM prekeys WHERE app = $1 AND mailbox = $2 AND kind >= 2 ORDER BY kind';

export async function putPreKeys(
  sql: Queryable,
  app: AppId,
  mailbox: MailboxId,
  upload: PreKeyUpload,
): Promise<PreKeyCounts | null> {
  const device = await sql.query('SELECT mailbox FROM mailboxes WHERE app = $1 AND mailbox = $2 FOR UPDATE', [
    app,
    mailbox,
  ]);
  if (device.length === 0) return null;
  const before = await sql.query<PreKeyRecord>(`${STANDING} FOR UPDATE`, [app, mailbox]);
  const { standing, oneTime } = uploadedRecords(upload);
  for (const { kind, id, record } of standing) {
    // Updated in place, so that a fetch that waits for the row finds the new key and not nothing.
    const statement = before.some((row) => row.kind === kind)
      ? 'UPDATE prekeys SET id = $4, record = $5 WHERE app = $1 AND mailbox = $2 AND kind = $3'
      : 'INSERT INTO prekeys (mailbox, kind, id, app, record) VALUES ($2, $3, $4, $1, $5)';
    await sql.query(statement, [app, mailbox, kind, id, record]);
  }
  if (upload.replace) {
    await sql.query('DELETE FROM prekeys WHERE app = $1 AND mailbox = $2 AND kind <= 1', [app, mailbox]);
  }
  await sql.query(
    `INSERT INTO prekeys (mailbox, kind, id, app, record)
     SELECT $2, k.kind, k.id, $1, k.record FROM unnest($3::int4[], $4::int4[], $5::bytea[], $6::uuid[]) AS k(kind, id, record, digest)
     WHERE NOT EXISTS (SELECT FROM spent_prekeys s WHERE s.app = $1 AND s.mailbox = $2 AND s.digest = k.digest)
     ON CONFLICT DO NOTHING`,
    [
      app,
      mailbox,
      int4Array(oneTime.map(({ kind }) => kind)),
      int4Array(oneTime.map(({ id }) => id)),
      byteaArray(oneTime.map(({ record }) => record)),
      uuidArray(oneTime.map(spentDigest)),
    ],
  );
  return countPreKeys(sql, app, mailbox);
}

export async function countPreKeys(sql: Queryable, app: AppId, mailbox: MailboxId): Promise<PreKeyCounts> {
  const [row] = await sql.query<{ one_time: number; kem: number }>(
    `SELECT count(*) FILTER (WHERE kind = 0)::int AS one_time, count(*) FILTER (WHERE kind = 1)::int AS kem
     FROM prekeys WHERE app = $1 AND mailbox = $2`,
    [app, mailbox],
  );
  return { oneTime: row?.one_time ?? 0, kem: row?.kem ?? 0 };
}

export async function takeBundle(
  sql: Queryable,
  app: AppId,
  mailbox: MailboxId,
  options: { oneTime: boolean; now: number },
): Promise<StoredBundle | null> {
  const standing = await sql.query<PreKeyRecord>(`${STANDING} FOR SHARE`, [app, mailbox]);
  const signed = standing.find(({ kind }) => kind === PREKEY_KIND.signed);
  const lastResort = standing.find(({ kind }) => kind === PREKEY_KIND.lastResort);
  if (!signed || !lastResort) return null;

  const oneTime = options.oneTime ? await takeOne(sql, app, mailbox, PREKEY_KIND.oneTime, options.now) : null;
  const kem = options.oneTime ? await takeOne(sql, app, mailbox, PREKEY_KIND.kem, options.now) : null;
  return {
    signedPreKey: unpackSigned(signed),
    kemPreKey: unpackSigned(kem ?? lastResort),
    oneTimePreKey: oneTime && unpackOneTime(oneTime),
    left: await countPreKeys(sql, app, mailbox),
    took: oneTime !== null || kem !== null,
  };
}

/** `SKIP LOCKED`: parallel fetchers take different keys instead of waiting for one another. */
async function takeOne(
  sql: Queryable,
  app: AppId,
  mailbox: MailboxId,
  kind: PreKeyKind,
  now: number,
): Promise<PreKeyRecord | null> {
  const [taken] = await sql.query<PreKeyRecord>(
    `WITH pick AS MATERIALIZED (
       SELECT id FROM prekeys WHERE app = $1 AND mailbox = $2 AND kind = $3 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
     )
     DELETE FROM prekeys p USING pick WHERE p.app = $1 AND p.mailbox = $2 AND p.kind = $3 AND p.id = pick.id
     RETURNING p.kind, p.id, p.record`,
    [app, mailbox, kind],
  );
  if (!taken) return null;
  await sql.query(
    'INSERT INTO spent_prekeys (mailbox, digest, app, at) SELECT $2, d, $1, $4 FROM unnest($3::uuid[]) AS d ON CONFLICT DO NOTHING',
    [app, mailbox, uuidArray([spentDigest(taken)]), now],
  );
  return taken;
}
