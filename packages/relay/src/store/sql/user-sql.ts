import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';

import type { MailboxId } from '../../mailbox/mailbox-id.js';
import type { DeviceRecord, UserChange, UserState } from '../store.js';
import { emptyUser } from '../user-state.js';
import { uuidArray } from './binary-array.js';
import { noteSeen } from './activity-sql.js';
import type { Queryable } from './driver.js';

interface UserRow {
  identity_key: Uint8Array | null;
  list_record: Uint8Array | null;
  list_signature: Uint8Array | null;
  list_version: number;
  next_list_version: number;
}

interface DeviceRow {
  device: DeviceId;
  registration: RegistrationId;
  mailbox: MailboxId;
  secret_hash: Uint8Array;
  attempt_hash: Uint8Array;
  listed: boolean;
  created_at: number;
  seen_day: number;
  warned_day: number | null;
  removed_at: number | null;
}

/** Also the lock under which everything of a user changes: a row to lock must exist first. */
export async function lockUser(sql: Queryable, app: AppId, user: Aci): Promise<UserState> {
  await sql.query('INSERT INTO users (account, app) VALUES ($2, $1) ON CONFLICT DO NOTHING', [app, user]);
  await sql.query('SELECT FROM users WHERE app = $1 AND account = $2 FOR UPDATE', [app, user]);
  // A statement of its own: its snapshot is younger than the lock.
  return (await loadUser(sql, app, user)) ?? emptyUser;
}

export async function loadUser(sql: Queryable, app: AppId, user: Aci): Promise<UserState | null> {
  const key = [app, user];
  const [row] = await sql.query<UserRow>(
    `SELECT identity_key, list_record, list_signature, list_version, next_list_version
     FROM users WHERE app = $1 AND account = $2`,
    key,
  );
  if (!row) return null;
  const devices = await sql.query<DeviceRow>(
    `SELECT device, registration, mailbox, secret_hash, attempt_hash, listed, created_at, seen_day, warned_day, removed_at
     FROM devices WHERE app = $1 AND account = $2 ORDER BY created_at, mailbox`,
    key,
  );
  const linkTokens = await sql.query<{ hash: Uint8Array; expires_at: number }>(
    'SELECT hash, expires_at FROM link_tokens WHERE app = $1 AND account = $2',
    key,
  );
  const resets = await sql.query<{ hash: Uint8Array }>(
    'SELECT hash FROM used_resets WHERE app = $1 AND account = $2',
    key,
  );
  return {
    identityKey: row.identity_key,
    list: row.list_record && row.list_signature ? { record: row.list_record, signature: row.list_signature } : null,
    listVersion: row.list_version,
    nextListVersion: row.next_list_version,
    devices: devices.map(toDevice),
    linkTokens: linkTokens.map(({ hash, expires_at }) => ({ hash, expiresAt: expires_at })),
    resets: resets.map(({ hash }) => hash),
  };
}

function toDevice(row: DeviceRow): DeviceRecord {
  return {
    device: row.device,
    registration: row.registration,
    mailbox: row.mailbox,
    secretHash: row.secret_hash,
    attemptHash: row.attempt_hash,
    listed: row.listed,
    createdAt: row.created_at,
    seenDay: row.seen_day,
    warnedDay: row.warned_day,
    removedAt: row.removed_at,
  };
}

/** Removals come before additions: a freed device id may be allotted in the same change. */
export async function writeChange(sql: Queryable, app: AppId, user: Aci, change: UserChange): Promise<void> {
  await writeUserRow(sql, app, user, change);
  if (change.remove) await removeDevices(sql, app, user, change.remove);
  if (change.add) await addDevice(sql, app, user, change.add);
  if (change.listed) {
    const listed = [app, uuidArray(change.listed)];
    await sql.query('UPDATE devices SET listed = true WHERE app = $1 AND account = $3 AND mailbox = ANY($2::uuid[])', [
      ...listed,
      user,
    ]);
    await sql.query(
      `WITH box AS (
         SELECT mailbox FROM mailboxes WHERE app = $1 AND mailbox = ANY($2::uuid[]) AND NOT listed ORDER BY mailbox FOR UPDATE
       ) UPDATE mailboxes m SET listed = true FROM box b WHERE m.app = $1 AND m.mailbox = b.mailbox`,
      listed,
    );
  }
  if (change.seen) await noteSeen(sql, app, [{ user, mailbox: change.seen.mailbox }], change.seen.day);
  if (change.addLinkToken) {
    await sql.query('INSERT INTO link_tokens (account, hash, app, expires_at) VALUES ($2, $3, $1, $4)', [
      app,
      user,
      change.addLinkToken.hash,
      change.addLinkToken.expiresAt,
    ]);
  }
  if (change.useLinkToken) {
    await sql.query('DELETE FROM link_tokens WHERE app = $1 AND account = $2 AND hash = $3', [
      app,
      user,
      change.useLinkToken,
    ]);
  }
  if (change.useReset) {
    await sql.query('INSERT INTO used_resets (account, hash, app, expires_at) VALUES ($2, $3, $1, $4)', [
      app,
      user,
      change.useReset.hash,
      change.useReset.expiresAt,
    ]);
  }
}

async function writeUserRow(sql: Queryable, app: AppId, user: Aci, change: UserChange): Promise<void> {
  if (change.identityKey) {
    await sql.query('UPDATE users SET identity_key = $3 WHERE app = $1 AND account = $2', [
      app,
      user,
      change.identityKey,
    ]);
  }
  if (change.nextListVersion !== undefined) {
    await sql.query('UPDATE users SET next_list_version = $3 WHERE app = $1 AND account = $2', [
      app,
      user,
      change.nextListVersion,
    ]);
  }
  if (change.list !== undefined) {
    await sql.query(
      'UPDATE users SET list_record = $3, list_signature = $4, list_version = $5 WHERE app = $1 AND account = $2',
      [app, user, change.list?.signed.record ?? null, change.list?.signed.signature ?? null, change.list?.version ?? 0],
    );
  }
}

async function addDevice(sql: Queryable, app: AppId, user: Aci, device: DeviceRecord): Promise<void> {
  await sql.query(
    `INSERT INTO devices (account, mailbox, app, device, registration, secret_hash, attempt_hash, listed, created_at, seen_day)
     VALUES ($2, $3, $1, $4, $5, $6, $7, $8, $9, $10)`,
    [
      app,
      user,
      device.mailbox,
      device.device,
      device.registration,
      device.secretHash,
      device.attemptHash,
      device.listed,
      device.createdAt,
      device.seenDay,
    ],
  );
  await sql.query(
    'INSERT INTO mailboxes (mailbox, app, account, device, registration, listed) VALUES ($3, $1, $2, $4, $5, $6)',
    [app, user, device.mailbox, device.device, device.registration, device.listed],
  );
}

/** The mailboxes are locked first, in the order that every statement keeps, so that no submit is half-way in. */
async function removeDevices(
  sql: Queryable,
  app: AppId,
  user: Aci,
  { mailboxes, at }: { mailboxes: MailboxId[]; at: number },
): Promise<void> {
  const boxes = [app, uuidArray(mailboxes)];
  await sql.query(
    'SELECT FROM mailboxes WHERE app = $1 AND mailbox = ANY($2::uuid[]) ORDER BY mailbox FOR UPDATE',
    boxes,
  );
  for (const table of ['mailboxes', 'envelopes', 'dedupes', 'prekeys', 'spent_prekeys']) {
    await sql.query(`DELETE FROM ${table} WHERE app = $1 AND mailbox = ANY($2::uuid[])`, boxes);
  }
  await sql.query('DELETE FROM sealings WHERE app = $1 AND mailbox = ANY($2::uuid[]) AND account = $3', [
    ...boxes,
    user,
  ]);
  await sql.query(
    `UPDATE devices SET removed_at = $4, listed = false
     WHERE app = $1 AND account = $3 AND mailbox = ANY($2::uuid[]) AND removed_at IS NULL`,
    [...boxes, user, at],
  );
}
