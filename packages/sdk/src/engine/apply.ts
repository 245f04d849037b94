import { nextHlc } from '../content/position.js';
import { aciOf, directConversationId } from '../content/content.js';
import { enqueue, ensureConversation, largestHlc, receiptRow, touchConversation } from '../history/rows.js';
import { THIS_DEVICE, type HistoryRows, type MessageBody, type MessageRow } from '../history/schema.js';
import { tellsReceipts } from '../history/receipt-policy.js';
import type { WriteTransaction } from '../storage/tables.js';
import { toBase64Url, type Aci } from '@sotto/protocol';
import type { EngineContext } from './context.js';
import { applyEffect, applyWaiting } from './effects.js';
import type { Opened } from './open.js';

type Transaction = WriteTransaction<Pick<HistoryRows, 'conversations' | 'messages' | 'outbox' | 'waitingEffects'>>;

type Notices = WriteTransaction<Pick<HistoryRows, 'conversations' | 'messages' | 'outbox'>>;

/**
 * Everything that an opened envelope causes in history. All rows have ids derived from the message, and a row that exists
 * is left alone: applying an envelope twice is applying it once.
 *
 * @param now relay-corrected milliseconds since the epoch
 */
export async function applyOpened(
  transaction: Transaction,
  context: EngineContext,
  opened: Opened,
  now: number,
): Promise<void> {
  switch (opened.kind) {
    case 'duplicate':
      return;
    case 'failed':
      return applyUndecryptable(transaction, context, opened, now);
    case 'content': {
      const { parsed, content, envelope } = opened;
      if (parsed === 'unknown' || parsed.kind.shows === 'message')
        return applyMessage(transaction, context, opened, now);
      const origin = {
        user: envelope.user,
        device: envelope.device,
        self: context.user,
        id: content.id,
        hlc: content.hlc,
      };
      return applyEffect(transaction, content.conversation, parsed, origin, now);
    }
  }
}

type OpenedContent = Extract<Opened, { kind: 'content' }>;

async function applyMessage(
  transaction: Transaction,
  context: EngineContext,
  opened: OpenedContent,
  now: number,
): Promise<void> {
  const { content, envelope, parsed, raw } = opened;
  const mine = envelope.user === context.user;
  const peer = mine ? (content.peer ?? null) : content.from.user;
  const peerAci = await peerOf(transaction, context, opened);
  const key = [content.conversation, envelope.user, content.id, envelope.device] as const;
  const [conversation, known] = await Promise.all([
    ensureConversation(transaction, content.conversation, peerAci, peer),
    transaction.get('messages', key),
  ]);
  if (known) return;
  const data = parsed === 'unknown' ? content.body : parsed.body;
  const row: MessageRow = {
    conversation: content.conversation,
    user: envelope.user,
    id: content.id,
    device: envelope.device,
    hlc: content.hlc,
    at: content.at,
    unread: mine ? 0 : 1,
    status: mine ? 'sent' : null,
    failure: null,
    counter: content.counter,
    body: { kind: 'content', type: content.kind, data, fallback: content.fallback ?? null, raw },
    notes: {},
  };
  await transaction.put('messages', row);
  const activity = Math.max(conversation.activity, row.hlc);
  const answered = conversation.answered === 1;
  if (activity !== conversation.activity || (mine && !answered))
    await transaction.put('conversations', { ...conversation, activity, answered: mine || answered ? 1 : 0 });
  const receipted = parsed === 'unknown' || parsed.kind.receipted;
  const tell = !mine && peer !== null && receipted && tellsReceipts(context.receipts, answered);
  // Side by side: each waits for the database several times.
  await Promise.all([
    applyWaiting(transaction, context.kinds, row),
    tell && enqueue(transaction, receiptRow('delivered', row, peer, now)),
  ]);
}

async function peerOf(
  transaction: Transaction,
  context: EngineContext,
  { content, envelope }: OpenedContent,
): Promise<Aci> {
  if (envelope.user !== context.user) return envelope.user;
  const known = await transaction.get('conversations', [content.conversation]);
  // checkHeader has proved that own devices' content names its peer.
  return known?.peerAci ?? aciOf(context.app, content.peer ?? content.from.user);
}

async function applyUndecryptable(
  transaction: Transaction,
  context: EngineContext,
  { envelope, cause }: Extract<Opened, { kind: 'failed' }>,
  now: number,
): Promise<void> {
  if (envelope.user === context.user) return; // an own device's copy: the vault keeps it, no conversation can be named
  const conversation = directConversationId(context.user, envelope.user);
  await ensureConversation(transaction, conversation, envelope.user, null);
  await addNotice(transaction, conversation, envelope.user, toBase64Url(envelope.id), envelope.device, now, {
    kind: 'undecryptable',
    cause,
  });
}

/**
 * Shows in the conversation that a contact's identity key is another one now, and stops what has not reached the relay: it was
 * written for the old identity, and whether the new one may read it is for the person to decide.
 *
 * @param changeId 16 bytes, base64url: the same for the same change
 */
export async function applyIdentityChange(
  transaction: Notices,
  context: EngineContext,
  user: Aci,
  changeId: string,
  now: number,
): Promise<void> {
  const conversation = directConversationId(context.user, user);
  if (!(await transaction.get('conversations', [conversation]))) return;
  for (const row of await transaction.range('outbox')) {
    if (row.conversation !== conversation) continue;
    await transaction.delete('outbox', [row.id]);
    if (row.messageId === null) continue;
    const message = await transaction.get('messages', [conversation, context.user, row.messageId, THIS_DEVICE]);
    if (message?.status !== 'pending') continue;
    await transaction.put('messages', { ...message, status: 'failed', failure: 'identity-changed' });
  }
  await addNotice(transaction, conversation, user, changeId, 0, now, { kind: 'identity-changed' });
}

async function addNotice(
  transaction: Notices,
  conversation: string,
  user: Aci,
  id: string,
  device: number,
  now: number,
  body: MessageBody,
): Promise<void> {
  if (await transaction.get('messages', [conversation, user, id, device])) return;
  const largest = await largestHlc(transaction, conversation, false);
  // A change of identity stands in front of the message that brings it, whenever that was written.
  const hlc = body.kind === 'identity-changed' ? largest + 1 : nextHlc(now, largest);
  const unread = body.kind === 'undecryptable' ? 1 : 0;
  await transaction.put('messages', {
    conversation,
    user,
    id,
    device,
    hlc,
    at: now,
    unread,
    status: null,
    failure: null,
    counter: 0,
    body,
    notes: {},
  });
  await touchConversation(transaction, conversation);
}
