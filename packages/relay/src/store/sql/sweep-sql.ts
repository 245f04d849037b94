import type { AppId } from '@sotto/protocol';

import type { SweepPolicy } from '../store.js';
import { int8Array, textArray } from './binary-array.js';
import type { Sql } from './driver.js';

/** Mailboxes whose envelopes expire in one transaction: other writers wait no longer than that takes. */
const EXPIRY_BATCH = 200;

/** Spent prekeys are remembered longer than any client repeats an upload. */
const SPENT_PREKEY_MS = 60 * 24 * 3_600_000;

/** $1: the youngest bound of all, for the index; $2: the bound of apps that have none of their own in $3, $4. */
const EXPIRE = `
WITH own AS MATERIALIZED (
  SELECT * FROM unnest($3::text[], $4::int8[]) AS o(app, before)
), old AS MATERIALIZED (
  SELECT DISTINCT e.app, e.mailbox FROM envelopes e LEFT JOIN own o ON o.app = e.app
  WHERE e.at < $1 AND e.at < coalesce(o.before, $2) LIMIT ${EXPIRY_BATCH}
), box AS MATERIALIZED (
  SELECT m.app, m.mailbox FROM mailboxes m JOIN old o ON o.app = m.app AND o.mailbox = m.mailbox
  ORDER BY m.mailbox FOR UPDATE OF m
), upto AS MATERIALIZED (
  -- The longest run of old envelopes from the front: seqs that are held never have a gap.
  SELECT b.app, b.mailbox, max(e.seq) AS seq FROM box b JOIN envelopes e ON e.app = b.app AND e.mailbox = b.mailbox
  LEFT JOIN own o ON o.app = b.app
  WHERE e.at < coalesce(o.before, $2) GROUP BY 1, 2
), gone AS (
  DELETE FROM envelopes e USING upto u WHERE e.app = u.app AND e.mailbox = u.mailbox AND e.seq <= u.seq
  RETURNING e.app, e.mailbox, octet_length(e.payload) AS size
), freed AS (
  SELECT app, mailbox, count(*)::int AS count, sum(size)::bigint AS bytes FROM gone GROUP BY 1, 2
), written AS (
  UPDATE mailboxes m SET held = m.held - f.count, held_bytes = m.held_bytes - f.bytes
  FROM freed f WHERE m.app = f.app AND m.mailbox = f.mailbox
)
SELECT coalesce(sum(count), 0)::int AS expired FROM freed`;

/**
 * Dedupe keys carry no time. Instead each mailbox remembers one mark: "up to here was read before then". When the mark
 * is old enough the keys below it go and a new mark is set, so every key lives between one and two such spans.
 */
const FORGET = `
WITH box AS MATERIALIZED (
  SELECT m.app, m.mailbox, m.mark_seq FROM mailboxes m
  WHERE m.mark_at <= $1 AND (m.mark_seq > 0 OR m.head > 0) ORDER BY m.mailbox LIMIT 1000 FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM dedupes d USING box b WHERE d.app = b.app AND d.mailbox = b.mailbox AND d.upto <= b.mark_seq
)
UPDATE mailboxes m SET mark_seq = m.head - m.held, mark_at = $2
FROM box b WHERE m.app = b.app AND m.mailbox = b.mailbox RETURNING m.mailbox`;

export async function sweep(sql: Sql, policy: SweepPolicy): Promise<{ expired: number }> {
  const { now, retentionMs, retentionMsOf = new Map<AppId, number>(), dedupeMs } = policy;
  const bounds = [...retentionMsOf].map(([app, ms]) => ({ app, before: now - ms }));
  const youngest = Math.max(now - retentionMs, ...bounds.map(({ before }) => before));
  let expired = 0;
  for (;;) {
    const [row] = await sql.query<{ expired: number }>(EXPIRE, [
      youngest,
      now - retentionMs,
      textArray(bounds.map(({ app }) => app)),
      int8Array(bounds.map(({ before }) => before)),
    ]);
    if (!row || row.expired === 0) break;
    expired += row.expired;
  }
  while ((await sql.query(FORGET, [now - dedupeMs, now])).length === 1000);
  await sql.query('DELETE FROM link_tokens WHERE expires_at < $1', [now]);
  await sql.query('DELETE FROM used_resets WHERE expires_at < $1', [now]);
  await sql.query('DELETE FROM spent_prekeys WHERE at < $1', [now - SPENT_PREKEY_MS]);
  return { expired };
}
