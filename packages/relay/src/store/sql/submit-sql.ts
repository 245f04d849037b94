import type { AppId } from '@sotto/protocol';

import type { ItemOutcome, SubmitBatch } from '../store.js';
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
  SELECT * FROM unnest($2::int4[], $3::int4[], $4::uuid[], $5::uuid[])
    WITH ORDINALITY AS r(submit, payload, mailbox, digest, ord)
), author AS MATERIALIZED (
  SELECT * FROM unnest($6::uuid[], $7::int4[], $8::int4[], $9::bytea[])
    WITH ORDINALITY AS a(sender, device, registration, id, submit)
), content AS MATERIALIZED (
  SELECT * FROM unnest($10::bytea[]) WITH ORDINALITY AS c(bytes, payload)
), stale AS MATERIALIZED (
  SELECT DISTINCT e.submit
  FROM unnest($11::int4[], $12::uuid[], $13::int4[]) AS e(submit, account, version)
  LEFT JOIN users u ON u.account = e.account AND u.app = $1
  WHERE coalesce(u.list_version, 0) <> e.version
), item AS MATERIALIZED (
  SELECT r.ord, r.submit, r.payload, r.mailbox, r.digest, a.sender, octet_length(c.bytes) AS size
  FROM raw r JOIN author a ON a.submit = r.submit JOIN content c ON c.payload = r.payload
  WHERE NOT EXISTS (SELECT FROM stale s WHERE s.submit = r.submit)
), box AS MATERIALIZED (
  SELECT m.mailbox, m.account, m.head, m.held, m.held_bytes
  FROM mailboxes m
  WHERE m.app = $1 AND m.listed AND m.mailbox = ANY($19::uuid[])
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
  WHERE c.sender <> c.account AND (c.held_after > $15 OR c.bytes_after > $17)
  GROUP BY 1, 2
), already AS MATERIALIZED (
  SELECT c.mailbox, c.sender, count(*) AS envelopes, sum(octet_length(e.payload)) AS bytes
  FROM crowded c JOIN envelopes e ON e.app = $1 AND e.mailbox = c.mailbox AND e.sender = c.sender
  GROUP BY 1, 2
), admitted AS MATERIALIZED (
  SELECT c.* FROM counted c LEFT JOIN already a ON a.mailbox = c.mailbox AND a.sender = c.sender
  WHERE CASE
    WHEN c.held_after <= $14 AND c.bytes_after <= $16
      AND (c.sender = c.account OR (coalesce(a.envelopes, 0) + c.own <= greatest($15, 1)
        AND coalesce(a.bytes, 0) + c.own_bytes <= greatest($17, c.size)))
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
), stored AS (
  INSERT INTO envelopes (mailbox, seq, app, id, sender, sender_device, sender_registration, at, payload)
  SELECT n.mailbox, n.seq, $1, a.id, a.sender, a.device, a.registration, $18, c.bytes
  FROM numbered n JOIN author a ON a.submit = n.submit JOIN content c ON c.payload = n.payload
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

/** Indexes grow by one on the way, because ORDINALITY starts at 1. */
function parameters(app: AppId, { items, submits, payloads, quota, now }: SubmitBatch): Param[] {
  const lists = submits.flatMap((submit, index) => submit.lists.map((list) => ({ index, ...list })));
  return [
    app,
    int4Array(items.map((item) => item.submit + 1)),
    int4Array(items.map((item) => item.payload + 1)),
    uuidArray(items.map((item) => item.mailbox)),
    uuidArray(items.map((item) => item.digest)),
    uuidArray(submits.map((submit) => submit.sender.user)),
    int4Array(submits.map((submit) => submit.sender.device)),
    int4Array(submits.map((submit) => submit.sender.registration)),
    byteaArray(submits.map((submit) => submit.id)),
    byteaArray(payloads),
    int4Array(lists.map((list) => list.index + 1)),
    uuidArray(lists.map((list) => list.user)),
    int4Array(lists.map((list) => list.version)),
    quota.envelopes,
    Math.floor(quota.envelopes / 10),
    quota.bytes,
    Math.floor(quota.bytes / 10),
    now,
    uuidArray([...new Set(items.map((item) => item.mailbox))]),
  ];
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
  RETURNING e.mailbox, octet_length(e.payload) AS size
), freed AS (
  SELECT mailbox, count(*)::int AS count, sum(size)::bigint AS bytes FROM gone GROUP BY mailbox
), advanced AS (
  UPDATE mailboxes m
  SET acked = g.seq, acked_id = g.id,
    held = m.held - coalesce(f.count, 0), held_bytes = m.held_bytes - coalesce(f.bytes, 0)
  FROM good g LEFT JOIN freed f ON f.mailbox = g.mailbox
  WHERE m.app = $1 AND m.mailbox = g.mailbox AND g.seq > g.acked
)
SELECT g.ord IS NOT NULL AS ok FROM raw r LEFT JOIN good g ON g.ord = r.ord ORDER BY r.ord`;

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
