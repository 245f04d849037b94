import type { Aci, AppId, DeviceId, Envelope, RegistrationId } from '@sotto/protocol';

import type { MailboxId } from '../../mailbox/mailbox-id.js';
import type { MailboxHead, MailboxPage, MailboxState, MailboxStore, Quota } from '../store.js';
import { ackBatch } from './ack-sql.js';
import { uuidArray } from './binary-array.js';
import type { Queryable, Sql } from './driver.js';
import { submitBatch } from './submit-sql.js';

interface MailboxRow {
  account: Aci;
  device: DeviceId;
  registration: RegistrationId;
  head: number;
  acked: number;
  acked_id: Uint8Array | null;
  sealings: number;
  first: number;
}

export interface EnvelopeRow {
  seq: number;
  id: Uint8Array;
  sender: Aci;
  sender_device: DeviceId;
  sender_registration: RegistrationId;
  at: number;
  payload: Uint8Array;
}

/** `ORDER BY ... LIMIT 1` stops at the first row under every plan; `min()` read the whole mailbox under some. */
const FIRST = `coalesce((SELECT e.seq FROM envelopes e WHERE e.app = $1 AND e.mailbox = m.mailbox AND e.seq > m.acked
  ORDER BY e.seq LIMIT 1), m.head + 1) AS first`;

const STATE = `
SELECT m.account, m.device, m.registration, m.head, m.acked, m.acked_id, ${FIRST},
  coalesce((SELECT s.count FROM sealings s WHERE s.app = $1 AND s.account = m.account AND s.mailbox = m.mailbox), 0)
    AS sealings
FROM mailboxes m WHERE m.app = $1 AND m.mailbox = $2`;

/**
 * One statement, so that head, first and envelopes belong to one snapshot; the outer join keeps an empty page's head. The
 * mailbox is materialized, or `first` would be looked up once for every envelope of the page.
 */
const READ = `
WITH box AS MATERIALIZED (
  SELECT m.mailbox, m.head, ${FIRST} FROM mailboxes m WHERE m.app = $1 AND m.mailbox = $2
)
SELECT m.head, m.first, e.*
FROM box m
LEFT JOIN LATERAL (
  SELECT * FROM (
    SELECT e.seq, e.id, e.sender, e.sender_device, e.sender_registration, e.at, e.size,
      coalesce(e.payload, p.bytes) AS payload, sum(e.size) OVER (ORDER BY e.seq) - e.size AS before
    FROM envelopes e LEFT JOIN payloads p ON p.app = $1 AND p.payload = e.shared
    WHERE e.app = $1 AND e.mailbox = $2 AND e.seq > $3
    ORDER BY e.seq LIMIT $4
  ) page WHERE page.before = 0 OR page.before + page.size <= $5
) e ON true
ORDER BY e.seq`;

export function sqlMailboxes(sql: Sql): MailboxStore {
  const { line } = sql;
  return {
    depth: line.depth,
    /** All that has arrived is read first: a batch of the first socket's alone would make the next one wait. */
    gather: () => new Promise((resolve) => setImmediate(resolve)),
    submit: (app, batch) => submitBatch(line, app, batch),
    ack: (app, items) => ackBatch(line, app, items),

    async mailbox(app, mailbox): Promise<MailboxState | null> {
      const [row] = await sql.query<MailboxRow>(STATE, [app, mailbox]);
      if (!row) return null;
      return {
        address: { user: row.account, device: row.device, registration: row.registration },
        head: row.head,
        acked: { seq: row.acked, id: row.acked_id },
        sealings: row.sealings,
        first: row.first,
      };
    },

    async envelopeIdAt(app, mailbox, seq) {
      const [row] = await sql.query<{ id: Uint8Array }>(
        'SELECT id FROM envelopes WHERE app = $1 AND mailbox = $2 AND seq = $3',
        [app, mailbox, seq],
      );
      return row?.id ?? null;
    },

    read: (app, mailbox, after, limit) => readPage(sql, app, mailbox, after, limit),

    async heads(app, mailboxes) {
      const rows = await sql.query<MailboxHead & { mailbox: MailboxId }>(
        `SELECT m.mailbox, m.head, CASE WHEN m.listed THEN u.list_version ELSE 0 END AS list
           FROM mailboxes m JOIN users u ON u.app = $1 AND u.account = m.account
          WHERE m.app = $1 AND m.mailbox = ANY($2::uuid[])`,
        [app, uuidArray(mailboxes)],
      );
      return new Map(rows.map(({ mailbox, head, list }) => [mailbox, { head, list }]));
    },
  };
}

async function readPage(
  sql: Queryable,
  app: AppId,
  mailbox: MailboxId,
  after: number,
  limit: Quota,
): Promise<MailboxPage | null> {
  type Row = { head: number; first: number } & (EnvelopeRow | { [K in keyof EnvelopeRow]: null });
  const rows = await sql.query<Row>(READ, [app, mailbox, after, limit.envelopes, limit.bytes]);
  const [row] = rows;
  if (!row) return null;
  const envelopes = rows.flatMap((each) => (each.seq === null ? [] : [toEnvelope(each)]));
  return { first: row.first, head: row.head, envelopes };
}

export function toEnvelope(row: EnvelopeRow): Envelope {
  return {
    seq: row.seq,
    id: row.id,
    user: row.sender,
    device: row.sender_device,
    registration: row.sender_registration,
    at: row.at,
    payload: row.payload,
  };
}
