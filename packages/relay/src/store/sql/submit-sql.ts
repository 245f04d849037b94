import { randomUUID } from 'node:crypto';

import type { AppId } from '@sotto/protocol';

import type { MailboxId } from '../../mailbox/mailbox-id.js';
import type { BatchItem, BatchSubmit, ItemOutcome, SubmitBatch } from '../store.js';
import { BinaryArray, byteaArray, int4Array, int8Array, uuidArray, uuidBytes } from './binary-array.js';
import type { Param, Queryable } from './driver.js';
import { at, mostOfOne, submitOne } from './submit-one-sql.js';

/**
 * The write path: one statement, one commit for a whole batch (DESIGN section 3).
 *
 * - A batch with a list that is not current only says which, and counts: `box` is then empty, and with it all that follows.
 * - `box` locks the mailboxes in one order everywhere, so that batches never deadlock, and sees the newest `head` even
 *   after it waited (only the locked row is re-read; everything else keeps the statement's snapshot).
 * - What an item adds to its mailbox (`place`, `upto`) comes counted: nothing is sorted to find it out.
 * - `tight` counts what one sender adds where a mailbox gets near its quota; most batches have no such mailbox, and skip it.
 *   An item whose key is already there is not `refused`, so that the retry of a stored envelope hears `duplicate`.
 * - `fresh` dedupes by inserting, never by looking: what a waiting statement cannot see still conflicts.
 * - `numbered` counts only what `fresh` returned: a seq is assigned exactly when a row is stored.
 * - The planner cannot know how many rows a CTE yields. What would become a nested loop over the batch is therefore an
 *   array (`box`), a hashed subplan (`NOT IN`, and `IN` inside CASE), or asked once for all items; what might become a walk
 *   over a whole table is looked up by its key (`stale`, `advanced`).
 * - `sealed` stands for itself: one row for each sender, in one order, locked after the mailboxes. A device that is removed while
 *   its submit is under way leaves a row, which goes with the app.
 */
const SUBMIT = `
WITH raw AS (
  SELECT unnest($2::int4[]) AS ord, unnest($3::int4[]) AS box, unnest($4::int4[]) AS place, unnest($5::int8[]) AS upto,
    unnest($6::uuid[]) AS mailbox, unnest($7::uuid[]) AS digest, unnest($8::uuid[]) AS sender, unnest($9::int4[]) AS device,
    unnest($10::int4[]) AS registration, unnest($11::bytea[]) AS id, unnest($12::int4[]) AS size,
    unnest($13::bytea[]) AS payload, unnest($14::uuid[]) AS shared
), stale AS MATERIALIZED (
  SELECT e.ord
  FROM unnest($15::uuid[], $16::int4[]) WITH ORDINALITY AS e(account, version, ord)
  WHERE coalesce((SELECT u.list_version FROM users u WHERE u.account = e.account AND u.app = $1), 0) <> e.version
), box AS MATERIALIZED (
  SELECT m.mailbox, m.account, m.head, m.held, m.held_bytes
  FROM mailboxes m
  WHERE m.app = $1 AND m.listed AND m.mailbox = ANY($17::uuid[]) AND NOT EXISTS (SELECT FROM stale)
  ORDER BY m.mailbox
  FOR UPDATE
), counted AS MATERIALIZED (
  SELECT r.*, b.head, b.account, b.held + r.place AS held_after, b.held_bytes + r.upto AS bytes_after
  FROM raw r JOIN box b ON b.mailbox = r.mailbox
), tight AS MATERIALIZED (
  SELECT c.ord, c.mailbox, c.digest, c.sender, c.account, c.size, c.held_after, c.bytes_after,
    count(*) OVER sender_so_far AS own, sum(c.size) OVER sender_so_far AS own_bytes
  FROM counted c
  WHERE EXISTS (SELECT FROM counted t WHERE t.held_after > $19 OR t.bytes_after > $21)
  WINDOW sender_so_far AS (PARTITION BY c.box, c.sender ORDER BY c.ord)
), already AS MATERIALIZED (
  SELECT t.mailbox, t.sender, count(*) AS envelopes, sum(e.size) AS bytes
  FROM (
    SELECT DISTINCT c.mailbox, c.sender FROM tight c
    WHERE c.sender <> c.account AND (c.held_after > $19 OR c.bytes_after > $21)
  ) t JOIN envelopes e ON e.app = $1 AND e.mailbox = t.mailbox AND e.sender = t.sender
  GROUP BY 1, 2
), refused AS MATERIALIZED (
  SELECT t.ord FROM tight t LEFT JOIN already a ON a.mailbox = t.mailbox AND a.sender = t.sender
  WHERE CASE
    WHEN t.held_after <= $18 AND t.bytes_after <= $20
      AND (t.sender = t.account OR (coalesce(a.envelopes, 0) + t.own <= greatest($19, 1)
        AND coalesce(a.bytes, 0) + t.own_bytes <= greatest($21, t.size)))
    THEN false
    ELSE NOT EXISTS (SELECT FROM dedupes d WHERE d.app = $1 AND d.mailbox = t.mailbox AND d.digest = t.digest)
  END
), fresh AS (
  INSERT INTO dedupes (mailbox, digest, app, upto)
  SELECT c.mailbox, c.digest, $1, c.head + c.place FROM counted c WHERE c.ord NOT IN (SELECT ord FROM refused)
  ON CONFLICT DO NOTHING
  RETURNING mailbox, digest
), numbered AS MATERIALIZED (
  SELECT c.*, c.head + c.place AS seq FROM counted c WHERE (SELECT count(*) FROM fresh) = $25
  UNION ALL
  SELECT c.*, c.head + row_number() OVER (PARTITION BY c.box ORDER BY c.ord)
  FROM counted c
  WHERE (SELECT count(*) FROM fresh) <> $25
    AND CASE WHEN (c.mailbox, c.digest) IN (SELECT f.mailbox, f.digest FROM fresh f) THEN true ELSE false END
), advanced AS (
  UPDATE mailboxes m
  SET head = m.head + n.count, held = m.held + n.count, held_bytes = m.held_bytes + n.bytes
  FROM (SELECT mailbox, count(*)::int AS count, sum(size)::bigint AS bytes FROM numbered GROUP BY mailbox) n
  WHERE m.app = $1 AND m.mailbox = n.mailbox AND m.mailbox = ANY($17::uuid[])
), common AS (
  INSERT INTO payloads (payload, app, bytes)
  SELECT c.payload, $1, c.bytes FROM unnest($23::uuid[], $24::bytea[]) AS c(payload, bytes)
  WHERE CASE WHEN c.payload IN (SELECT n.shared FROM numbered n) THEN true ELSE false END
), stored AS (
  INSERT INTO envelopes (mailbox, seq, app, id, sender, sender_device, sender_registration, at, size, payload, shared)
  SELECT n.mailbox, n.seq, $1, n.id, n.sender, n.device, n.registration, $22, n.size, n.payload, n.shared
  FROM numbered n
), sealed AS (
  INSERT INTO sealings (account, mailbox, app, count)
  SELECT c.account, c.mailbox, $1, c.count FROM unnest($26::uuid[], $27::uuid[], $28::int8[]) AS c(account, mailbox, count)
  ORDER BY c.account, c.mailbox
  ON CONFLICT (account, mailbox, app) DO UPDATE SET count = excluded.count WHERE sealings.count < excluded.count
)
SELECT (SELECT string_agg(s.ord::text, ',') FROM stale s) AS stale,
  CASE WHEN (SELECT count(*) FROM fresh) = $25
    THEN (SELECT string_agg(n.seq::text, ',' ORDER BY n.ord) FROM numbered n)
    ELSE (
      SELECT string_agg(CASE
          WHEN n.seq IS NOT NULL THEN n.seq
          WHEN c.ord IS NULL THEN -2
          WHEN x.ord IS NOT NULL THEN -1
          ELSE 0
        END::text, ',' ORDER BY r.ord)
      FROM unnest($2::int4[]) AS r(ord)
      LEFT JOIN counted c ON c.ord = r.ord
      LEFT JOIN refused x ON x.ord = r.ord
      LEFT JOIN numbered n ON n.ord = r.ord
    )
  END AS results`;

interface Answer {
  /** Which of the lists are not current, counted from 1; then nothing was stored. */
  stale: string | null;
  /** For each item its seq, or why it has none. */
  results: string | null;
}

/**
 * Hardly ever has a list changed since it was checked. Then the batch runs again, without the submits that name it: there
 * are fewer each time.
 */
export async function submitBatch(sql: Queryable, app: AppId, batch: SubmitBatch): Promise<ItemOutcome[]> {
  const [item] = batch.items;
  if (item && batch.items.length === 1 && batch.sealings.length <= 1) {
    const seq = await submitOne(sql, app, batch, item);
    if (seq !== null) return [{ outcome: 'stored', seq }];
  }
  const isStale = new Set<BatchSubmit>();
  for (;;) {
    const items =
      isStale.size === 0 ? batch.items : batch.items.filter(({ submit }) => !isStale.has(at(batch.submits, submit)));
    if (items.length === 0) return batch.items.map(() => ({ outcome: 'stale' }));
    const lists = listsOf(items, batch.submits);
    const [answer] = await sql.query<Answer>(SUBMIT, parameters(app, { ...batch, items }, lists));
    if (answer?.stale) markStale(batch.submits, lists, answer.stale, isStale);
    else return outcomesOf(batch, isStale, answer?.results?.split(',') ?? []);
  }
}

function markStale(
  submits: readonly BatchSubmit[],
  lists: readonly List[],
  answer: string,
  isStale: Set<BatchSubmit>,
): void {
  const stale = new Set(answer.split(',').map((ord) => keyOf(at(lists, Number(ord) - 1))));
  for (const submit of submits) if (submit.lists.some((list) => stale.has(keyOf(list)))) isStale.add(submit);
}

function outcomesOf(
  { items, submits }: SubmitBatch,
  isStale: Set<BatchSubmit>,
  results: readonly string[],
): ItemOutcome[] {
  let next = 0;
  return items.map(({ submit }) =>
    isStale.has(at(submits, submit)) ? { outcome: 'stale' } : toOutcome(Number(at(results, next++))),
  );
}

type List = BatchSubmit['lists'][number];

/** Each once: senders write to the same people again and again. */
function listsOf(items: readonly BatchItem[], submits: readonly BatchSubmit[]): List[] {
  const lists = new Map<string, List>();
  let last = -1;
  for (const { submit } of items) {
    if (submit === last) continue;
    last = submit;
    for (const list of at(submits, submit).lists) lists.set(keyOf(list), list);
  }
  return [...lists.values()];
}

function keyOf({ user, version }: List): string {
  return `${user}${version}`;
}

function parameters(app: AppId, batch: SubmitBatch, lists: readonly List[]): Param[] {
  const { items, payloads, quota, now, sealings } = batch;
  const shared = sharedPayloads(items, payloads.length);
  const boxes = new Boxes();
  return [
    app,
    ...columnsOf(batch, boxes, shared),
    uuidArray(lists.map(({ user }) => user)),
    int4Array(lists.map(({ version }) => version)),
    uuidArray(boxes.names),
    quota.envelopes,
    mostOfOne(quota.envelopes),
    quota.bytes,
    mostOfOne(quota.bytes),
    now,
    uuidArray([...shared.values()]),
    byteaArray([...shared.keys()].map((index) => at(payloads, index))),
    items.length,
    uuidArray(sealings.map(({ user }) => user)),
    uuidArray(sealings.map(({ mailbox }) => mailbox)),
    int8Array(sealings.map(({ count }) => count)),
  ];
}

/** The columns of `raw`. What belongs to the submit of an item is repeated, which costs less than joining it again. */
function columnsOf({ items, submits, payloads }: SubmitBatch, boxes: Boxes, shared: Map<number, string>): Uint8Array[] {
  const count = items.length;
  const columns = {
    ord: BinaryArray.int4(count),
    box: BinaryArray.int4(count),
    place: BinaryArray.int4(count),
    upto: BinaryArray.int8(count),
    mailbox: BinaryArray.uuid(count),
    digest: BinaryArray.uuid(count),
    sender: BinaryArray.uuid(count),
    device: BinaryArray.int4(count),
    registration: BinaryArray.int4(count),
    id: BinaryArray.bytea(count, count * 16),
    size: BinaryArray.int4(count),
    payload: BinaryArray.bytea(count, bytesOf(items, payloads)),
    shared: BinaryArray.uuid(count),
  };
  let ord = 0;
  for (const item of items) {
    const { sender, id } = at(submits, item.submit);
    const payload = at(payloads, item.payload);
    const name = shared.get(item.payload);
    const box = boxes.add(item.mailbox, payload.length);
    columns.ord.int4(++ord);
    columns.box.int4(box.index);
    columns.place.int4(box.count);
    columns.upto.int8(box.bytes);
    columns.mailbox.binary(box.name);
    columns.digest.binary(item.digest);
    columns.sender.uuid(sender.user);
    columns.device.int4(sender.device);
    columns.registration.int4(sender.registration);
    columns.id.binary(id);
    columns.size.int4(payload.length);
    if (name === undefined) columns.payload.binary(payload);
    else columns.payload.null();
    if (name === undefined) columns.shared.null();
    else columns.shared.uuid(name);
  }
  return Object.values(columns).map((column) => column.end());
}

interface Box {
  index: number;
  name: Uint8Array;
  /** What the items so far add to it. */
  count: number;
  bytes: number;
}

/** The mailboxes of a batch, each once. */
class Boxes {
  readonly #boxes = new Map<MailboxId, Box>();

  add(mailbox: MailboxId, bytes: number): Box {
    let box = this.#boxes.get(mailbox);
    if (!box) {
      box = { index: this.#boxes.size, name: uuidBytes(mailbox), count: 0, bytes: 0 };
      this.#boxes.set(mailbox, box);
    }
    box.count++;
    box.bytes += bytes;
    return box;
  }

  get names(): Uint8Array[] {
    return Array.from(this.#boxes.values(), ({ name }) => name);
  }
}

function bytesOf(items: readonly BatchItem[], payloads: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { payload } of items) bytes += at(payloads, payload).length;
  return bytes;
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

function toOutcome(result: number): ItemOutcome {
  if (result > 0) return { outcome: 'stored', seq: result };
  if (result === 0) return { outcome: 'duplicate' };
  return { outcome: result === -1 ? 'mailbox-full' : 'device-gone' };
}
