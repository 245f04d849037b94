import { randomUUID } from 'node:crypto';

import type { AppId } from '@sotto/protocol';

import type { BatchItem, ItemOutcome, SubmitBatch } from '../store.js';
import { byteaArray, int4Array, int8Array, uuidArray } from './binary-array.js';
import type { Param, Queryable } from './driver.js';

/**
 * The write path: one statement, one commit for a whole batch (DESIGN section 3).
 *
 * - `box` locks the mailboxes in one order everywhere, so that batches never deadlock, and sees the newest `head` even
 *   after it waited (only the locked row is re-read; everything else keeps the statement's snapshot).
 * - `fresh` therefore dedupes by inserting, never by looking: what a waiting statement cannot see still conflicts.
 * - `numbered` counts only what `fresh` returned: a seq is assigned exactly when a row is stored.
 * - The planner cannot know how many rows a CTE yields. What would become a nested loop over the batch is therefore an
 *   array (`box`) or a hashed subplan, which CASE keeps from being turned into a join (`numbered`).
 * - An item whose key is already there skips the quota, so that the retry of a stored envelope hears `duplicate`.
 */
const SUBMIT = `
WITH raw AS MATERIALIZED (
  SELECT * FROM unnest($2::int4[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int4[], $7::int4[], $8::bytea[],
    $9::int4[], $10::bytea[], $11::uuid[])
    WITH ORDINALITY AS r(submit, mailbox, digest, sender, device, registration, id, size, payload, shared, ord)
), stale AS MATERIALIZED (
  SELECT DISTINCT e.submit
  FROM unnest($12::int4[], $13::uuid[], $14::int4[]) AS e(submit, account, version)
  LEFT JOIN users u ON u.account = e.account AND u.app = $1
  WHERE coalesce(u.list_version, 0) <> e.version
), item AS MATERIALIZED (
  SELECT r.ord, r.mailbox, r.digest, r.sender, r.size
  FROM raw r
  WHERE NOT EXISTS (SELECT FROM stale s WHERE s.submit = r.submit)
), box AS MATERIALIZED (
  SELECT m.mailbox, m.account, m.head, m.held, m.held_bytes
  FROM mailboxes m
  WHERE m.app = $1 AND m.listed AND m.mailbox = ANY($15::uuid[])
  ORDER BY m.mailbox
  FOR UPDATE
), counted AS MATERIALIZED (
  SELECT i.*, b.head, b.account,
    b.held + count(*) OVER box_so_far AS held_after,
    b.held_bytes + sum(i.size) OVER box_so_far AS bytes_after,
    count(*) OVER sender_so_far AS own,
    sum(i.size) OVER sender_so_far AS own_bytes,
    row_number() OVER box_so_far AS place
  FROM item i JOIN box b ON b.mailbox = i.mailbox
  WINDOW box_so_far AS (PARTITION BY i.mailbox ORDER BY i.ord),
    sender_so_far AS (PARTITION BY i.mailbox, i.sender ORDER BY i.ord)
), crowded AS MATERIALIZED (
  SELECT c.mailbox, c.sender FROM counted c
  WHERE c.sender <> c.account AND (c.held_after > $17 OR c.bytes_after > $19)
  GROUP BY 1, 2
), already AS MATERIALIZED (
  SELECT c.mailbox, c.sender, count(*) AS envelopes, sum(e.size) AS bytes
  FROM crowded c JOIN envelopes e ON e.app = $1 AND e.mailbox = c.mailbox AND e.sender = c.sender
  GROUP BY 1, 2
), admitted AS MATERIALIZED (
  SELECT c.* FROM counted c LEFT JOIN already a ON a.mailbox = c.mailbox AND a.sender = c.sender
  WHERE CASE
    WHEN c.held_after <= $16 AND c.bytes_after <= $18
      AND (c.sender = c.account OR (coalesce(a.envelopes, 0) + c.own <= greatest($17, 1)
        AND coalesce(a.bytes, 0) + c.own_bytes <= greatest($19, c.size)))
    THEN true
    ELSE EXISTS (SELECT FROM dedupes d WHERE d.app = $1 AND d.mailbox = c.mailbox AND d.digest = c.digest)
  END
), fresh AS (
  INSERT INTO dedupes (mailbox, digest, app, upto)
  SELECT a.mailbox, a.digest, $1, a.head + a.place FROM admitted a ORDER BY a.mailbox, a.ord
  ON CONFLICT DO NOTHING
  RETURNING mailbox, digest
), numbered AS MATERIALIZED (
  SELECT a.*, a.head + row_number() OVER (PARTITION BY a.mailbox ORDER BY a.ord) AS seq
  FROM admitted a
  WHERE CASE WHEN (a.mailbox, a.digest) IN (SELECT f.mailbox, f.digest FROM fresh f) THEN true ELSE false END
), advanced AS (
  UPDATE mailboxes m
  SET head = m.head + n.count, held = m.held + n.count, held_bytes = m.held_bytes + n.bytes
  FROM (SELECT mailbox, count(*)::int AS count, sum(size)::bigint AS bytes FROM numbered GROUP BY mailbox) n
  WHERE m.app = $1 AND m.mailbox = n.mailbox
), common AS (
  INSERT INTO payloads (payload, app, bytes)
  SELECT c.payload, $1, c.bytes FROM unnest($21::uuid[], $22::bytea[]) AS c(payload, bytes)
  WHERE EXISTS (SELECT FROM numbered n JOIN raw r ON r.ord = n.ord WHERE r.shared = c.payload)
), stored AS (
  INSERT INTO envelopes (mailbox, seq, app, id, sender, sender_device, sender_registration, at, size, payload, shared)
  SELECT n.mailbox, n.seq, $1, r.id, r.sender, r.device, r.registration, $20, r.size, r.payload, r.shared
  FROM numbered n JOIN raw r ON r.ord = n.ord
)
SELECT CASE
    WHEN n.seq IS NOT NULL THEN n.seq
    WHEN s.submit IS NOT NULL THEN -3
    WHEN b.mailbox IS NULL THEN -2
    WHEN a.ord IS NULL THEN -1
    ELSE 0
  END AS result
FROM raw r
LEFT JOIN stale s ON s.submit = r.submit
LEFT JOIN box b ON b.mailbox = r.mailbox
LEFT JOIN admitted a ON a.ord = r.ord
LEFT JOIN numbered n ON n.ord = r.ord
ORDER BY r.ord`;

export async function submitBatch(sql: Queryable, app: AppId, batch: SubmitBatch): Promise<ItemOutcome[]> {
  const rows = await sql.query<{ result: number }>(SUBMIT, parameters(app, batch));
  return rows.map(({ result }) => toOutcome(result));
}

/** One row per item: what belongs to its submit is repeated, which costs less than joining it again. */
function parameters(app: AppId, { items, submits, payloads, quota, now }: SubmitBatch): Param[] {
  const lists = submits.flatMap((submit, index) => submit.lists.map((list) => ({ index, ...list })));
  const shared = sharedPayloads(items, payloads.length);
  const rows = items.map((item) => {
    const { sender, id } = at(submits, item.submit);
    const payload = at(payloads, item.payload);
    const common = shared.get(item.payload) ?? null;
    return { ...item, sender, id, size: payload.length, bytes: common === null ? payload : null, common };
  });
  return [
    app,
    int4Array(rows.map(({ submit }) => submit)),
    uuidArray(rows.map(({ mailbox }) => mailbox)),
    uuidArray(rows.map(({ digest }) => digest)),
    uuidArray(rows.map(({ sender }) => sender.user)),
    int4Array(rows.map(({ sender }) => sender.device)),
    int4Array(rows.map(({ sender }) => sender.registration)),
    byteaArray(rows.map(({ id }) => id)),
    int4Array(rows.map(({ size }) => size)),
    byteaArray(rows.map(({ bytes }) => bytes)),
    uuidArray(rows.map(({ common }) => common)),
    int4Array(lists.map(({ index }) => index)),
    uuidArray(lists.map(({ user }) => user)),
    int4Array(lists.map(({ version }) => version)),
    uuidArray([...new Set(items.map(({ mailbox }) => mailbox))]),
    quota.envelopes,
    Math.floor(quota.envelopes / 10),
    quota.bytes,
    Math.floor(quota.bytes / 10),
    now,
    uuidArray([...shared.values()]),
    byteaArray([...shared.keys()].map((index) => at(payloads, index))),
  ];
}

/** Names for the payloads that several items have, by their index. A name is used for one batch only, ever. */
function sharedPayloads(items: readonly BatchItem[], count: number): Map<number, string> {
  const shared = new Map<number, string>();
  if (items.length === count) return shared;
  const seen = new Set<number>();
  for (const { payload } of items) {
    if (seen.has(payload) && !shared.has(payload)) shared.set(payload, randomUUID());
    seen.add(payload);
  }
  return shared;
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error('A batch names a submit or payload that it does not hold.');
  return found;
}

function toOutcome(result: number): ItemOutcome {
  if (result > 0) return { outcome: 'stored', seq: result };
  if (result === 0) return { outcome: 'duplicate' };
  if (result === -1) return { outcome: 'mailbox-full' };
  return { outcome: result === -2 ? 'device-gone' : 'stale' };
}

/**
 * What is acknowledged is deleted between two known positions: without the lower one, the index is read from its start,
 * over everything that was deleted before and not vacuumed yet.
 */
const ACK = `
WITH raw AS MATERIALIZED (
  SELECT * FROM unnest($2::uuid[], $3::int8[], $4::bytea[]) WITH ORDINALITY AS r(mailbox, seq, id, ord)
), box AS MATERIALIZED (
  SELECT m.mailbox, m.head, m.acked FROM mailboxes m
  WHERE m.app = $1 AND m.mailbox = ANY($2::uuid[])
  ORDER BY m.mailbox
  FOR UPDATE
), good AS MATERIALIZED (
  SELECT r.ord, r.mailbox, r.seq, r.id, b.acked FROM raw r JOIN box b ON b.mailbox = r.mailbox
  WHERE r.seq <= b.head AND NOT EXISTS (
    SELECT FROM envelopes e WHERE e.app = $1 AND e.mailbox = r.mailbox AND e.seq = r.seq AND e.id <> r.id)
), gone AS (
  DELETE FROM envelopes e USING good g
  WHERE e.app = $1 AND e.mailbox = g.mailbox AND e.seq > g.acked AND e.seq <= g.seq
  RETURNING e.mailbox, e.size
), freed AS (
  SELECT mailbox, count(*)::int AS count, sum(size)::bigint AS bytes FROM gone GROUP BY mailbox
), advanced AS (
  UPDATE mailboxes m
  SET acked = g.seq, acked_id = g.id,
    held = m.held - coalesce(f.count, 0), held_bytes = m.held_bytes - coalesce(f.bytes, 0)
  FROM good g LEFT JOIN freed f ON f.mailbox = g.mailbox
  WHERE m.app = $1 AND m.mailbox = g.mailbox AND g.seq > g.acked
)
SELECT g.ord IS NOT NULL AS ok
FROM raw r LEFT JOIN good g ON g.ord = r.ord CROSS JOIN set_config('synchronous_commit', 'off', true)
ORDER BY r.ord`;

export async function ackBatch(
  sql: Queryable,
  app: AppId,
  items: readonly { mailbox: string; seq: number; id: Uint8Array }[],
): Promise<boolean[]> {
  const rows = await sql.query<{ ok: boolean }>(ACK, [
    app,
    uuidArray(items.map((item) => item.mailbox)),
    int8Array(items.map((item) => item.seq)),
    byteaArray(items.map((item) => item.id)),
  ]);
  return rows.map((row) => row.ok);
}
