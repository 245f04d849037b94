import type { AppId } from '@sotto/protocol';

import type { AckItem } from '../store.js';
import { byteaArray, int4Array, int8Array, uuidArray } from './binary-array.js';
import type { Queryable } from './driver.js';

/**
 * What is acknowledged is deleted between two known positions: without the lower one, the index is read from its start,
 * over everything that was deleted before and not vacuumed yet. What is written and what it frees is put together by
 * sorting, not by a join: the planner, who cannot know how many rows a CTE yields, would hold each against each.
 */
const ACK = `
WITH raw AS MATERIALIZED (
  SELECT unnest($2::uuid[]) AS mailbox, unnest($3::int8[]) AS seq, unnest($4::bytea[]) AS id, unnest($5::int4[]) AS ord
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
), advanced AS (
  UPDATE mailboxes m
  SET acked = n.seq, acked_id = n.id, held = m.held - n.count, held_bytes = m.held_bytes - n.bytes
  FROM (
    SELECT mailbox, max(seq) AS seq, string_agg(id, '') AS id, sum(count)::int AS count, sum(size)::bigint AS bytes
    FROM (
      SELECT g.mailbox, g.seq, g.id, 0 AS count, 0 AS size FROM good g WHERE g.seq > g.acked
      UNION ALL
      SELECT e.mailbox, NULL, NULL, 1, e.size FROM gone e
    ) of_both
    GROUP BY mailbox
  ) n
  WHERE m.app = $1 AND m.mailbox = n.mailbox AND m.mailbox = ANY($2::uuid[])
)
SELECT (SELECT string_agg(r.ord::text, ',') FROM raw r WHERE r.ord NOT IN (SELECT g.ord FROM good g)) AS refused,
  set_config('synchronous_commit', 'off', true)`;

/** An acknowledgement of one mailbox: as above, where starting the statement takes most of the time. */
const ACK_ONE = `
WITH box AS MATERIALIZED (
  SELECT m.acked FROM mailboxes m
  WHERE m.app = $1 AND m.mailbox = $2::uuid AND m.head >= $3::int8 AND NOT EXISTS (
    SELECT FROM envelopes e WHERE e.app = $1 AND e.mailbox = $2::uuid AND e.seq = $3::int8 AND e.id <> $4::bytea)
  FOR UPDATE
), gone AS (
  DELETE FROM envelopes e USING box b
  WHERE e.app = $1 AND e.mailbox = $2::uuid AND e.seq > b.acked AND e.seq <= $3::int8
  RETURNING e.size
), advanced AS (
  UPDATE mailboxes m
  SET acked = $3::int8, acked_id = $4::bytea, held = m.held - (SELECT count(*)::int FROM gone),
    held_bytes = m.held_bytes - (SELECT coalesce(sum(g.size), 0)::bigint FROM gone g)
  FROM box b
  WHERE m.app = $1 AND m.mailbox = $2::uuid AND b.acked < $3::int8
)
SELECT EXISTS (SELECT FROM box) AS good, set_config('synchronous_commit', 'off', true)`;

export async function ackBatch(sql: Queryable, app: AppId, items: readonly AckItem[]): Promise<boolean[]> {
  const [item] = items;
  if (item && items.length === 1) {
    const [one] = await sql.query<{ good: boolean }>(ACK_ONE, [app, item.mailbox, item.seq, item.id]);
    return [one?.good ?? false];
  }
  const [answer] = await sql.query<{ refused: string | null }>(ACK, [
    app,
    uuidArray(items.map(({ mailbox }) => mailbox)),
    int8Array(items.map(({ seq }) => seq)),
    byteaArray(items.map(({ id }) => id)),
    int4Array(items.map((_, index) => index)),
  ]);
  const done = items.map(() => true);
  for (const index of answer?.refused?.split(',') ?? []) done[Number(index)] = false;
  return done;
}
