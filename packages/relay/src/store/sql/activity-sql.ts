import type { Aci, AppId } from '@sotto/protocol';

import type { Silence } from '../../directory/inactivity.js';
import type { MailboxId } from '../../mailbox/mailbox-id.js';
import type { AppScope, QuietDevice, Warning } from '../store.js';
import { uuidArray } from './binary-array.js';
import type { Queryable } from './driver.js';

/** Rows that another transaction holds are left out, so that nobody waits, and nothing can deadlock. */
export async function noteSeen(
  sql: Queryable,
  app: AppId,
  devices: readonly { user: Aci; mailbox: MailboxId }[],
  day: number,
): Promise<void> {
  await sql.query(
    `WITH quiet AS MATERIALIZED (
       SELECT account, mailbox FROM devices
       WHERE app = $1 AND account = ANY($2::uuid[]) AND mailbox = ANY($3::uuid[]) AND removed_at IS NULL AND seen_day < $4
       FOR UPDATE SKIP LOCKED
     ) UPDATE devices d SET seen_day = $4 FROM quiet q WHERE d.app = $1 AND d.account = q.account AND d.mailbox = q.mailbox`,
    [app, uuidArray(devices.map(({ user }) => user)), uuidArray(devices.map(({ mailbox }) => mailbox)), day],
  );
}

export async function quietDevices(
  sql: Queryable,
  app: AppId,
  users: readonly Aci[],
  before: number,
): Promise<QuietDevice[]> {
  return sql.query<QuietDevice>(
    `SELECT account AS "user", device, registration, mailbox, seen_day AS "seenDay", warned_day AS "warnedDay"
     FROM devices
     WHERE app = $1 AND account = ANY($2::uuid[]) AND listed AND removed_at IS NULL AND seen_day < $3`,
    [app, uuidArray(users), before],
  );
}

/** Found in all apps, then noted in one after another. A device that was seen meanwhile is not announced. */
export async function noteWarned(
  sql: Queryable,
  { before, day }: Warning,
  limit: number,
  { only, except = [] }: AppScope,
): Promise<number> {
  const found = await sql.query<{ app: AppId; user: Aci; mailbox: MailboxId }>(
    `SELECT d.app, d.account AS "user", d.mailbox FROM devices d
     WHERE d.removed_at IS NULL AND d.seen_day < $1 AND (d.warned_day IS NULL OR d.warned_day <= d.seen_day)
       AND ($3::text IS NULL OR d.app = $3) AND d.app <> ALL(string_to_array($4, ','))
     ORDER BY d.seen_day LIMIT $2`,
    [before, limit, only ?? null, except.join(',')],
  );
  let noted = 0;
  for (const app of new Set(found.map((device) => device.app))) {
    const own = found.filter((device) => device.app === app);
    const rows = await sql.query(
      `WITH quiet AS MATERIALIZED (
         SELECT account, mailbox FROM devices
         WHERE app = $1 AND account = ANY($2::uuid[]) AND mailbox = ANY($3::uuid[]) AND removed_at IS NULL
           AND seen_day < $4 AND (warned_day IS NULL OR warned_day <= seen_day)
         FOR UPDATE SKIP LOCKED
       ) UPDATE devices d SET warned_day = $5 FROM quiet q
         WHERE d.app = $1 AND d.account = q.account AND d.mailbox = q.mailbox RETURNING d.mailbox`,
      [app, uuidArray(own.map(({ user }) => user)), uuidArray(own.map(({ mailbox }) => mailbox)), before, day],
    );
    noted += rows.length;
  }
  return noted;
}

/** Finds users; which of their devices go is decided under the user's lock. */
export async function inactiveUsers(
  sql: Queryable,
  { before, lastBefore, warnedBy, lastWarnedBy }: Silence,
  limit: number,
  { only, except = [] }: AppScope,
): Promise<{ app: AppId; user: Aci }[]> {
  return sql.query<{ app: AppId; user: Aci }>(
    `SELECT DISTINCT app, account AS "user" FROM (
       SELECT d.app, d.account FROM devices d
       WHERE d.removed_at IS NULL AND d.seen_day < $1 AND d.warned_day > d.seen_day AND d.warned_day <= $6
         AND ($4::text IS NULL OR d.app = $4) AND d.app <> ALL(string_to_array($5, ','))
         AND (d.seen_day < $2 AND d.warned_day <= $7 OR NOT d.listed OR EXISTS (
           SELECT FROM devices o WHERE o.app = d.app AND o.account = d.account AND o.removed_at IS NULL AND o.listed
             AND (o.seen_day, o.mailbox) > (d.seen_day, d.mailbox)))
       ORDER BY d.seen_day LIMIT $3
     ) found`,
    [before, lastBefore, limit, only ?? null, except.join(','), warnedBy, lastWarnedBy],
  );
}
