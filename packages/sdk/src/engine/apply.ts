import { aciOf, directConversationId } from '../content/content.js';
import {
  addNoticeRow,
  enqueue,
  ensureConversation,
  readOutbox,
  receiptOutboxId,
  receiptRow,
  touchConversation,
  type NewOutboxRow,
} from '../history/rows.js';
import { THIS_DEVICE, type DeviceRef, type HistoryRows, type MessageRow } from '../history/schema.js';
import { tellsReceipts } from '../history/receipt-policy.js';
import { startingWith, type WriteTransaction } from '../storage/tables.js';
import type { Aci } from '@sotto/protocol';
import type { SentRow } from '../vault/schema.js';
import { enqueueAnswers, envelopeName, type OpenedContent } from './answering.js';
import { enqueueAsk, enqueueGapAsk, missingNotice, settleOwnCopies, showNotice, withdrawGapAsks } from './asking.js';
import type { EngineContext } from './context.js';
import { applyEffect, applyWaiting, type EffectTable } from './effects.js';
import type { Opened } from './open.js';
import { isAsked } from './repair.js';
import { answerIn } from './settle-answers.js';

/** Counters kept of what cannot be had from one device, for counting them. */
const MAX_LOST = 1_000;

type Transaction = WriteTransaction<Pick<HistoryRows, EffectTable | 'outbox' | 'unknown' | 'notices'>>;

type ChangeTransaction = WriteTransaction<Pick<HistoryRows, 'conversations' | 'messages' | 'outbox'>>;

/**
 * Everything that opened envelopes cause in history, in their order. All rows have ids derived from the message, and a row that
 * exists is left alone: applying an envelope twice is applying it once.
 *
 * @param now relay-corrected milliseconds since the epoch
 */
export async function applyAll(
  transaction: Transaction,
  context: EngineContext,
  opened: readonly Opened[],
  facts: Facts,
  now: number,
): Promise<void> {
  await readAhead(transaction, opened);
  const receipts: NewOutboxRow[] = [];
  for (const one of opened) {
    if (one.kind === 'failed') await applyUndecryptable(transaction, context, one, now);
    if (one.kind !== 'content') continue;
    await applyRepair(transaction, context, one, facts, now);
    if (isMessage(one)) receipts.push(...(await applyMessage(transaction, context, one, now)));
    else await applyOneEffect(transaction, context, one, now);
  }
  if (receipts.length > 0) await enqueue(transaction, ...receipts);
}

/** Asks for what most of them will ask for, side by side: {@link remembering} has it then. */
async function readAhead(transaction: Transaction, opened: readonly Opened[]): Promise<void> {
  const messages = opened.filter((one) => one.kind === 'content').filter(isMessage);
  await Promise.all([
    ...messages.flatMap(({ content: { conversation, id }, envelope: { user, device } }) => [
      transaction.get('conversations', [conversation]),
      transaction.get('messages', [conversation, user, id, device]),
      transaction.range('waitingEffects', startingWith(conversation, user, id)),
    ]),
    messages.length > 0 && readOutbox(transaction, messages.map(receiptOf)),
  ]);
}

const receiptOf = ({ content: { conversation, id } }: OpenedContent) => ({
  id: receiptOutboxId('delivered', conversation, id),
});

const isMessage = ({ parsed }: OpenedContent): boolean => parsed === 'unknown' || parsed.kind.shows === 'message';

/** What the vault says, for a transaction that has no access to it. */
export interface Facts {
  /** By request: what of it may be answered. */
  readonly answers: ReadonlyMap<Opened, readonly SentRow[]>;
  /** By answer: how much is missing from its sender after it. */
  readonly left: ReadonlyMap<Opened, number>;
}

async function applyOneEffect(
  transaction: Transaction,
  context: EngineContext,
  opened: OpenedContent,
  now: number,
): Promise<void> {
  const { parsed, content, envelope } = opened;
  if (parsed === 'unknown') return;
  const { id, hlc } = content;
  const { user, device, registration } = envelope;
  const origin = { user, device, registration, self: context.user, peer: peerOf(context, opened), id, hlc };
  await applyEffect(transaction, content.conversation, parsed, origin, now);
}

/** What the content means for what went wrong before: it comes again, fills a gap or shows one, asks or answers. */
async function applyRepair(
  transaction: Transaction,
  context: EngineContext,
  opened: OpenedContent,
  facts: Facts,
  now: number,
): Promise<void> {
  const { content, envelope, gap } = opened;
  const { user, device, registration } = envelope;
  const from = { user, device, registration };
  const rows = facts.answers.get(opened);
  if (rows && rows.length > 0) await enqueueAnswers(transaction, context, opened, rows, now);
  const unread = directConversationId(context.user, user);
  if (content.resend !== undefined) {
    // Only a notice gives way: a sender could name a message of theirs as well, and so take it out of the history.
    const row = await transaction.get('messages', [unread, user, content.resend, device]);
    if (row?.body.kind === 'undecryptable') await transaction.delete('messages', [unread, user, row.id, device]);
  }
  if (gap.after > gap.before) await enqueueGapAsk(transaction, context, from, content.counter, now);
  else if (gap.after === 0 && gap.before > 0) await withdrawGapAsks(transaction, from);
  const items = answerIn(opened);
  for (const item of items) {
    const row = await transaction.get('messages', [unread, user, item.envelope, device]);
    if (row?.body.kind !== 'undecryptable') continue;
    if (item.outcome === 'nothing-lost') await transaction.delete('messages', [unread, user, item.envelope, device]);
    else await transaction.put('messages', { ...row, body: { ...row.body, resend: 'unavailable' } });
  }
  if (items.length === 0 && gap.after >= gap.before && content.resend === undefined) return;
  await updateMissing(transaction, context, from, facts.left.get(opened) ?? gap.after, items);
  if (user === context.user) await settleOwnCopies(transaction, unread);
  else await touchConversation(transaction, unread);
}

/** The notice of what is missing, if there is one, follows what has come and what cannot be had. */
async function updateMissing(
  transaction: Transaction,
  context: EngineContext,
  from: DeviceRef,
  asked: number,
  items: ReturnType<typeof answerIn>,
): Promise<void> {
  const row = await missingNotice(transaction, context, from);
  if (row?.body.kind !== 'missing') return;
  const { conversation, user, id, device, body } = row;
  const gone = items.filter(({ outcome }) => outcome === 'unavailable').map(({ counter }) => counter);
  const lost = [...new Set([...body.lost, ...gone])].slice(-MAX_LOST);
  if (asked === 0 && lost.length === 0) await transaction.delete('messages', [conversation, user, id, device]);
  else await transaction.put('messages', { ...row, body: { ...body, asked, lost } });
}

/** @returns the receipt to give */
async function applyMessage(
  transaction: Transaction,
  context: EngineContext,
  opened: OpenedContent,
  now: number,
): Promise<NewOutboxRow[]> {
  const { content, envelope, parsed, raw } = opened;
  const mine = envelope.user === context.user;
  const peer = mine ? (content.peer ?? null) : content.from.user;
  const peerAci = peerOf(context, opened);
  const key = [content.conversation, envelope.user, content.id, envelope.device] as const;
  const [conversation, known] = await Promise.all([
    ensureConversation(transaction, content.conversation, peerAci, peer),
    transaction.get('messages', key),
  ]);
  if (known) return [];
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
    body: { kind: 'content', type: content.kind, data, fallback: content.fallback ?? null, raw },
    notes: {},
  };
  await transaction.put('messages', row);
  if (parsed === 'unknown') {
    const { conversation, user, id, device } = row;
    await transaction.put('unknown', { kind: content.kind, conversation, user, id, device });
  }
  const activity = Math.max(conversation.activity, row.hlc);
  const answered = conversation.answered === 1;
  if (activity !== conversation.activity || (mine && !answered))
    await transaction.put('conversations', { ...conversation, activity, answered: mine || answered ? 1 : 0 });
  const receipted = parsed === 'unknown' || parsed.kind.receipted;
  const tell = !mine && peer !== null && receipted && tellsReceipts(context.receipts, answered);
  await applyWaiting(transaction, context.kinds, row);
  return tell ? [receiptRow('delivered', row, peer, now)] : [];
}

/** The other user of the conversation: checkHeader has proved that own devices' content names them. */
function peerOf({ user, app }: EngineContext, { content, envelope }: OpenedContent): Aci {
  return envelope.user === user ? aciOf(app, content.peer ?? content.from.user) : envelope.user;
}

async function applyUndecryptable(
  transaction: Transaction,
  context: EngineContext,
  { envelope, cause }: Extract<Opened, { kind: 'failed' }>,
  now: number,
): Promise<void> {
  const { user, device, registration } = envelope;
  const name = envelopeName(envelope);
  const wanted = { envelopes: [name], counters: [] };
  const asks =
    isAsked(cause) && (await enqueueAsk(transaction, context, { user, device, registration }, name, wanted, now));
  const body = { kind: 'undecryptable', cause, resend: asks ? 'asked' : 'none' } as const;
  await showNotice(transaction, context, envelope, name, now, body);
}

/**
 * Shows in the conversation that a contact's identity key is another one now, and stops what has not reached the relay: it was
 * written for the old identity, and whether the new one may read it is for the person to decide.
 *
 * @param changeId 16 bytes, base64url: the same for the same change
 */
export async function applyIdentityChange(
  transaction: ChangeTransaction,
  context: EngineContext,
  user: Aci,
  changeId: string,
  now: number,
): Promise<void> {
  const conversation = directConversationId(context.user, user);
  const known = await transaction.get('conversations', [conversation]);
  if (!known) return;
  // Whoever starts afresh knows nothing of this user any more.
  await transaction.put('conversations', { ...known, profileAt: 0 });
  for (const row of await transaction.range('outbox')) {
    if (row.conversation !== conversation) continue;
    await transaction.delete('outbox', [row.id]);
    if (row.messageId === null) continue;
    const message = await transaction.get('messages', [conversation, context.user, row.messageId, THIS_DEVICE]);
    if (message?.status !== 'pending') continue;
    await transaction.put('messages', { ...message, status: 'failed', failure: 'identity-changed' });
  }
  await addNoticeRow(transaction, conversation, user, changeId, 0, now, { kind: 'identity-changed' });
}
