import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64Url } from '@sotto/protocol';

import type { Content } from '../content/content.js';
import { MAX_RECEIPT_IDS } from '../content/kinds.js';
import type { OutboxRow } from '../history/schema.js';

/** One content on its way out: a message, or several outbox rows merged into one. */
export interface Outgoing {
  /** Message id: 16 bytes, base64url. */
  readonly id: string;
  readonly conversation: string;
  readonly peer: string;
  readonly kind: string;
  readonly body: Content['body'];
  readonly at: number;
  /** Outbox rows that are done with it. */
  readonly covers: readonly string[];
  readonly to: { readonly peer: boolean; readonly ownDevices: boolean };
  /** What history shows of it: a message row whose status follows, or nothing. */
  readonly shown: boolean;
}

/** Merges receipts of one conversation and type; everything else goes out as it is, in the order of the outbox. */
export function planOutgoing(rows: readonly OutboxRow[]): Outgoing[] {
  const planned: Outgoing[] = [];
  const receipts = new Map<string, OutboxRow[]>();
  for (const row of rows) {
    switch (row.item.type) {
      case 'message':
        planned.push(toMessage(row, row.item));
        break;
      case 'read-mark':
        planned.push(toReadMark(row, row.item));
        break;
      case 'receipt': {
        const key = `${row.item.receipt}:${row.conversation}`;
        receipts.set(key, [...(receipts.get(key) ?? []), row]);
      }
    }
  }
  for (const rowsOfOne of receipts.values()) {
    for (let at = 0; at < rowsOfOne.length; at += MAX_RECEIPT_IDS)
      planned.push(toReceipt(rowsOfOne.slice(at, at + MAX_RECEIPT_IDS)));
  }
  return planned;
}

function toMessage(row: OutboxRow, item: Extract<OutboxRow['item'], { type: 'message' }>): Outgoing {
  const { kind, ...body } = item.content;
  return {
    ...common(row),
    id: item.messageId,
    kind,
    body,
    at: item.at,
    covers: [row.id],
    to: { peer: true, ownDevices: true },
    shown: true,
  };
}

function toReadMark(row: OutboxRow, { hlc, id }: Extract<OutboxRow['item'], { type: 'read-mark' }>): Outgoing {
  const to = { peer: false, ownDevices: true };
  return {
    ...common(row),
    id: derivedId([row.id]),
    kind: 'read-mark',
    body: { hlc, id },
    at: row.order,
    covers: [row.id],
    to,
    shown: false,
  };
}

function toReceipt(rows: readonly OutboxRow[]): Outgoing {
  const [first] = rows;
  if (first?.item.type !== 'receipt') throw new TypeError('not receipts');
  const ids = rows.flatMap(({ item }) => (item.type === 'receipt' ? [item.messageId] : []));
  const covers = rows.map(({ id }) => id);
  const body = { type: first.item.receipt, ids };
  return {
    ...common(first),
    id: derivedId(covers),
    kind: 'receipt',
    body,
    at: first.order,
    covers,
    to: { peer: true, ownDevices: false },
    shown: false,
  };
}

const common = ({ conversation, peer }: OutboxRow): Pick<Outgoing, 'conversation' | 'peer'> => ({ conversation, peer });

/** A message id that the same outbox rows always get: sealing again after a crash finds what was sealed before. */
function derivedId(covers: readonly string[]): string {
  return toBase64Url(sha256(new TextEncoder().encode(covers.join('\n'))).subarray(0, 16));
}
