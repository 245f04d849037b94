import type { AppId } from '@sotto/protocol';

import type { BatchItem, SubmitBatch } from '../store.js';
import { int4Array, uuidArray } from './binary-array.js';
import type { Queryable } from './driver.js';

/**
 * A submit for one device, where nothing is special: starting the statement for many takes three times as long. Where its
 * list is not current, or the mailbox is gone or near its quota, or holds the envelope already, nothing but the sealing is noted,
 * and the statement for many says why.
 */
const SUBMIT_ONE = `
WITH box AS MATERIALIZED (
  SELECT m.head FROM mailboxes m
  WHERE m.app = $1 AND m.mailbox = $2::uuid AND m.listed AND m.held < $3 AND m.held_bytes + $4 <= $5
    AND NOT EXISTS (
      SELECT FROM unnest($6::uuid[], $7::int4[]) AS e(account, version)
      WHERE coalesce((SELECT u.list_version FROM users u WHERE u.account = e.account AND u.app = $1), 0) <> e.version)
  FOR UPDATE
), fresh AS (
  INSERT INTO dedupes (mailbox, digest, app, upto) SELECT $2::uuid, $8::uuid, $1, b.head + 1 FROM box b
  ON CONFLICT DO NOTHING
  RETURNING upto AS seq
), advanced AS (
  UPDATE mailboxes m SET head = m.head + 1, held = m.held + 1, held_bytes = m.held_bytes + $4
  WHERE m.app = $1 AND m.mailbox = $2::uuid AND EXISTS (SELECT FROM fresh)
), stored AS (
  INSERT INTO envelopes (mailbox, seq, app, id, sender, sender_device, sender_registration, at, size, payload)
  SELECT $2::uuid, f.seq, $1, $9::bytea, $10::uuid, $11::int4, $12::int4, $13::int8, $4, $14::bytea FROM fresh f
), sealed AS (
  INSERT INTO sealings (account, mailbox, app, count)
  SELECT $15::uuid, $16::uuid, $1, $17::int8 WHERE $16::uuid IS NOT NULL
  ON CONFLICT (account, mailbox, app) DO UPDATE SET count = excluded.count WHERE sealings.count < excluded.count
)
SELECT f.seq FROM fresh f`;

/** @returns its seq; null when nothing was stored */
export async function submitOne(
  sql: Queryable,
  app: AppId,
  { submits, payloads, quota, now, sealings: [sealing] }: SubmitBatch,
  item: BatchItem,
): Promise<number | null> {
  const submit = at(submits, item.submit);
  const payload = at(payloads, item.payload);
  const [answer] = await sql.query<{ seq: number }>(SUBMIT_ONE, [
    app,
    item.mailbox,
    mostOfOne(quota.envelopes),
    payload.length,
    mostOfOne(quota.bytes),
    uuidArray(submit.lists.map(({ user }) => user)),
    int4Array(submit.lists.map(({ version }) => version)),
    item.digest,
    submit.id,
    submit.sender.user,
    submit.sender.device,
    submit.sender.registration,
    now,
    payload,
    sealing?.user ?? null,
    sealing?.mailbox ?? null,
    sealing?.count ?? null,
  ]);
  return answer?.seq ?? null;
}

/** A stranger may fill a tenth of a mailbox. */
export function mostOfOne(quota: number): number {
  return Math.floor(quota / 10);
}

export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error('A batch names a submit or payload that it does not hold.');
  return found;
}
