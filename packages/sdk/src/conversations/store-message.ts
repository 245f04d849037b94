import type { Aci } from '@sotto/protocol';

import type { Kinds } from '../content/kind.js';
import { pendingHlc } from '../content/position.js';
import { isUntold, tellProfile } from '../history/profile-row.js';
import { tellsReceipts, type ReceiptPolicy } from '../history/receipt-policy.js';
import { enqueue, ensureConversation, largestHlc, messageOutboxId, receiptRow } from '../history/rows.js';
import { THIS_DEVICE, type History, type HistoryRows, type MessageRow } from '../history/schema.js';
import type { WriteTransaction } from '../storage/tables.js';

/** How many of the newest messages a first answer gives receipts for. */
const FIRST_ANSWER = 100;

/** A message as it is written, before it has a place. Plain data: it crosses from a page to its worker. */
export interface NewMessage {
  readonly conversation: string;
  readonly peer: string;
  readonly peerAci: Aci;
  readonly id: string;
  /** When it was written. */
  readonly at: number;
  /** Name of the content's kind; `data` is its body. */
  readonly type: string;
  readonly data: object;
  readonly fallback: string | null;
}

/** Whose message it is. */
export interface Author {
  readonly user: Aci;
  readonly receipts: ReceiptPolicy;
  readonly kinds: Kinds;
}

export const MESSAGE_TABLES = ['conversations', 'messages', 'outbox', 'profiles'] as const;
export type MessageTransaction = WriteTransaction<Pick<HistoryRows, (typeof MESSAGE_TABLES)[number]>>;

/** Ends the transaction without effect. */
class AlreadyStored extends Error {}

/**
 * Stores a message and puts it into the outbox. When this resolves, it is on the disk. One that is stored already stays as it is,
 * however far it has got.
 *
 * @throws StorageError
 */
export async function storeMessage(history: History, author: Author, message: NewMessage): Promise<void> {
  await storeNew(history, author, message).catch((error: unknown) => {
    if (!(error instanceof AlreadyStored)) throw error;
  });
}

function storeNew(history: History, author: Author, message: NewMessage): Promise<void> {
  const { conversation: id, peer, peerAci, at, type, data, fallback } = message;
  return history.write(MESSAGE_TABLES, async (transaction) => {
    // Side by side: each waits for the database, and a person waits for all of them.
    const [known, conversation, largest, profile] = await Promise.all([
      transaction.get('messages', [id, author.user, message.id, THIS_DEVICE]),
      ensureConversation(transaction, id, peerAci, peer),
      largestHlc(transaction, id, true),
      transaction.get('profiles', [author.user]),
      enqueueMessage(transaction, message),
    ]);
    if (known) throw new AlreadyStored();
    if (conversation.answered === 0) await firstAnswer(transaction, author, message);
    const hlc = pendingHlc(at, largest);
    const row: MessageRow = {
      conversation: id,
      user: author.user,
      id: message.id,
      device: THIS_DEVICE,
      hlc,
      at,
      unread: 0,
      status: 'pending',
      failure: null,
      body: { kind: 'content', type, data, fallback, raw: null },
      notes: {},
    };
    await transaction.put('messages', row);
    const untold = profile && isUntold(conversation, profile) ? profile : null;
    const profileAt = untold?.at ?? conversation.profileAt;
    await transaction.put('conversations', { ...conversation, answered: 1, profileAt, activity: hlc });
    if (untold) await tellProfile(transaction, { id, peer }, untold);
  });
}

type ToSend = Pick<NewMessage, 'conversation' | 'peer' | 'id' | 'at' | 'type' | 'data'>;

/** Has the engine send a message that is stored. */
export async function enqueueMessage(transaction: MessageTransaction, message: ToSend): Promise<void> {
  const { conversation, peer, id, at, type, data } = message;
  await enqueue(transaction, {
    conversation,
    peer,
    id: messageOutboxId(id),
    kind: type,
    body: data,
    at,
    messageId: id,
  });
}

/** From now on the other user may know what was delivered and read here: also what came before the answer. */
async function firstAnswer(
  transaction: MessageTransaction,
  { receipts, kinds }: Author,
  { conversation, peer, peerAci, at }: NewMessage,
): Promise<void> {
  if (tellsReceipts(receipts, false) || !tellsReceipts(receipts, true)) return;
  const all = { index: 'position', lower: [conversation], upper: [conversation, []] } as const;
  const rows = await transaction.range('messages', { ...all, reverse: true, limit: FIRST_ANSWER });
  for (const row of rows.reverse()) {
    if (row.user !== peerAci || !isReceipted(kinds, row)) continue;
    await enqueue(transaction, receiptRow(row.unread === 1 ? 'delivered' : 'read', row, peer, at));
  }
}

/** Whether its author wants to know of it. */
export function isReceipted(kinds: Kinds, { body }: MessageRow): boolean {
  return body.kind === 'content' && (kinds.get(body.type)?.receipted ?? true);
}
