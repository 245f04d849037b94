import type { AppId } from '@sotto/protocol';

import type { SweepPolicy } from '../store.js';
import type { Queryable } from './driver.js';

/** Mailboxes whose envelopes expire in one transaction: other writers wait no longer than that takes. */
const EXPIRY_BATCH = 200;

/** Mailboxes whose dedupe keys are looked through, and shared payloads, in one statement. */
const FORGET_BATCH = 1000;
const FREE_BATCH = 1000;

/** Spent prekeys are remembered longer than any client repeats an upload. */
const SPENT_PREKEY_MS = 60 * 24 * 3_600_000;

const EXPIRE = `
WITH old AS MATERIALIZED (
  SELECT DISTINCT e.mailbox FROM envelopes e WHERE e.app = $1 AND e.at < $2 LIMIT ${EXPIRY_BATCH}
), box AS MATERIALIZED (
  SELECT m.mailbox FROM mailboxes m WHERE m.app = $1 AND m.mailbox IN (SELECT o.mailbox FROM old o)
  ORDER BY m.mailbox FOR UPDATE
), upto AS MATERIALIZED (
  -- The longest run of old envelopes from the front: seqs that are held never have a gap.
  SELECT b.mailbox, max(e.seq) AS seq FROM box b JOIN envelopes e ON e.app = $1 AND e.mailbox = b.mailbox
  WHERE e.at < $2 GROUP BY 1
), gone AS (
  DELETE FROM envelopes e USING upto u WHERE e.app = $1 AND e.mailbox = u.mailbox AND e.seq <= u.seq
  RETURNING e.mailbox, e.size
), freed AS (
  SELECT mailbox, count(*)::int AS count, sum(size)::bigint AS bytes FROM gone GROUP BY 1
), written AS (
  UPDATE mailboxes m SET held = m.held - f.count, held_bytes = m.held_bytes - f.bytes
  FROM freed f WHERE m.app = $1 AND m.mailbox = f.mailbox
)
SELECT coalesce(sum(count), 0)::int AS expired FROM freed`;

/**
 * Dedupe keys carry no time. Instead each mailbox remembers one mark: "up to here was read before then". When the mark
 * is old enough the keys below it go and a new mark is set, so every key lives between one and two such spans.
 */
const FORGET = `
WITH box AS MATERIALIZED (
  SELECT m.mailbox, m.mark_seq FROM mailboxes m
  WHERE m.app = $1 AND m.mark_at <= $2 AND (m.mark_seq > 0 OR m.head > 0)
  ORDER BY m.mailbox LIMIT ${FORGET_BATCH} FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM dedupes d USING box b WHERE d.app = $1 AND d.mailbox = b.mailbox AND d.upto <= b.mark_seq
)
UPDATE mailboxes m SET mark_seq = m.head - m.held, mark_at = $3
FROM box b WHERE m.app = $1 AND m.mailbox = b.mailbox RETURNING m.mailbox`;

/**
 * Shared payloads that no envelope needs any more. They are committed together with their envelopes, and no later envelope
 * refers to them: one that is found without envelopes stays so, whatever other nodes are doing, and nothing is locked.
 */
const FREE = `
WITH page AS MATERIALIZED (
  SELECT p.payload FROM payloads p WHERE p.app = $1 AND p.payload > $2 ORDER BY p.payload LIMIT ${FREE_BATCH}
), gone AS (
  DELETE FROM payloads p USING page g
  WHERE p.app = $1 AND p.payload = g.payload
    AND NOT EXISTS (SELECT FROM envelopes e WHERE e.app = $1 AND e.shared = p.payload)
)
SELECT payload FROM page ORDER BY payload DESC LIMIT 1`;

const FIRST = '00000000-0000-0000-0000-000000000000';

/** One app after another, so that each statement concerns one app alone. */
export async function sweep(sql: Queryable, policy: SweepPolicy): Promise<{ expired: number }> {
  const { now, retentionMs, retentionMsOf, dedupeMs } = policy;
  let expired = 0;
  for (const { app } of await sql.query<{ app: AppId }>('SELECT DISTINCT app FROM users')) {
    expired += await expire(sql, app, now - (retentionMsOf?.get(app) ?? retentionMs));
    while ((await sql.query(FORGET, [app, now - dedupeMs, now])).length === FORGET_BATCH);
    await freePayloads(sql, app);
    await sql.query('DELETE FROM link_tokens WHERE app = $1 AND expires_at < $2', [app, now]);
    await sql.query('DELETE FROM used_resets WHERE app = $1 AND expires_at < $2', [app, now]);
    await sql.query('DELETE FROM spent_prekeys WHERE app = $1 AND at < $2', [app, now - SPENT_PREKEY_MS]);
  }
  return { expired };
}

async function expire(sql: Queryable, app: AppId, before: number): Promise<number> {
  for (let expired = 0; ;) {
    const [row] = await sql.query<{ expired: number }>(EXPIRE, [app, before]);
    if (!row || row.expired === 0) return expired;
    expired += row.expired;
  }
}

async function freePayloads(sql: Queryable, app: AppId): Promise<void> {
  for (let after: string | undefined = FIRST; after !== undefined;) {
    const [last]: { payload: string }[] = await sql.query(FREE, [app, after]);
    after = last?.payload;
  }
}
