import type { Aci } from '@sotto/protocol';

import { MAX_HLC, nextHlc } from '../content/position.js';
import { receipt, type ReceiptBody, type ReceiptType } from '../content/kinds/receipt.js';
import type { MessageStatus } from './message-state.js';
import { startingWith, type ReadTransaction, type WriteTransaction } from '../storage/tables.js';
import type { ConversationRow, HistoryRows, MessageBody, MessageRow, OutboxRow } from './schema.js';

type Write<T extends keyof HistoryRows> = WriteTransaction<Pick<HistoryRows, T>>;
type Read<T extends keyof HistoryRows> = ReadTransaction<Pick<HistoryRows, T>>;

const RANK: Record<MessageStatus, number> = { failed: 0, pending: 0, sent: 1, delivered: 2, read: 3 };

/** Status only grows: pending < sent < delivered < read. */
export function grownStatus(now: MessageStatus | null, next: MessageStatus): MessageStatus {
  return now !== null && RANK[now] >= RANK[next] ? now : next;
}

/** The conversation's row, made if it is new, with the peer's name once that is known. */
export async function ensureConversation(
  transaction: Write<'conversations'>,
  id: string,
  peerAci: Aci,
  peer: string | null,
): Promise<ConversationRow> {
  const known = await transaction.get('conversations', [id]);
  if (known && (known.peer !== null || peer === null)) return known;
  const row: ConversationRow = known
    ? { ...known, peer }
    : { id, peer, peerAci, answered: 0, profileAt: 0, activity: 0 };
  await transaction.put('conversations', row);
  return row;
}

/** Sets `activity` to the largest position stored: for a message that has moved. */
export async function touchConversation(transaction: Write<'conversations' | 'messages'>, id: string): Promise<void> {
  const [row, activity] = await Promise.all([
    transaction.get('conversations', [id]),
    largestHlc(transaction, id, true),
  ]);
  if (row && row.activity !== activity) await transaction.put('conversations', { ...row, activity });
}

/** The largest clock value stored in a conversation, 0 if none; pending messages count only with `pending`. */
export async function largestHlc(
  transaction: Read<'messages'>,
  conversation: string,
  pending: boolean,
): Promise<number> {
  const [row] = await transaction.range('messages', {
    index: 'position',
    lower: [conversation],
    upper: pending ? [conversation, []] : [conversation, MAX_HLC, []],
    reverse: true,
    limit: 1,
  });
  return row?.hlc ?? 0;
}

/** A line of the conversation that nobody wrote: a notice. One that is there stays as it is. */
export async function addNoticeRow(
  transaction: Write<'conversations' | 'messages'>,
  conversation: string,
  user: Aci,
  id: string,
  device: number,
  now: number,
  body: MessageBody,
  unread: 0 | 1 = 0,
): Promise<void> {
  if (await transaction.get('messages', [conversation, user, id, device])) return;
  const largest = await largestHlc(transaction, conversation, false);
  // A change of identity stands in front of the message that brings it, whenever that was written.
  const hlc = body.kind === 'identity-changed' ? largest + 1 : nextHlc(now, largest);
  const row = {
    conversation,
    user,
    id,
    device,
    hlc,
    at: now,
    unread,
    status: null,
    failure: null,
    body,
    notes: {},
  } as const;
  await transaction.put('messages', row);
  await touchConversation(transaction, conversation);
}

/** Rows of one message id by one user: one, unless two devices of that user made the same random id. */
export function messagesById(
  transaction: Read<'messages'>,
  conversation: string,
  user: Aci,
  id: string,
): Promise<MessageRow[]> {
  return transaction.range('messages', startingWith(conversation, user, id));
}

export const messageOutboxId = (messageId: string): string => `message:${messageId}`;

export const receiptOutboxId = (type: ReceiptType, conversation: string, messageId: string): string =>
  `receipt:${type}:${conversation}:${messageId}`;

type Extras = 'only' | 'resend' | 'answers';
export type NewOutboxRow = Omit<OutboxRow, 'order' | Extras> & Partial<Pick<OutboxRow, Extras>>;

/** A receipt of one message; leaves merged with others. */
export function receiptRow(
  type: ReceiptType,
  message: Pick<MessageRow, 'conversation' | 'id'>,
  peer: string,
  at: number,
): NewOutboxRow {
  const { conversation, id } = message;
  const body = { type, ids: [id] } satisfies ReceiptBody;
  return {
    id: receiptOutboxId(type, conversation, id),
    conversation,
    peer,
    kind: receipt.name,
    body,
    at,
    messageId: null,
  };
}

/** The row that was appended last. */
const LAST = { index: 'order', reverse: true, limit: 1 } as const;

/** Appends to the outbox; a row that is already there stays as it is. */
export async function enqueue(transaction: Write<'outbox'>, ...rows: readonly NewOutboxRow[]): Promise<void> {
  const [[last], ...known] = await readOutbox(transaction, rows);
  let order = last?.order ?? 0;
  for (const [i, row] of rows.entries()) {
    if (known[i]) continue;
    order = Math.max(row.at, order + 1);
    await transaction.put('outbox', { only: null, resend: null, answers: [], ...row, order } satisfies OutboxRow);
  }
}

/** What {@link enqueue} reads. */
export function readOutbox(transaction: Read<'outbox'>, rows: readonly Pick<OutboxRow, 'id'>[]) {
  return Promise.all([
    transaction.range('outbox', LAST),
    ...rows.map(({ id }) => transaction.get('outbox', [id])),
  ] as const);
}
