import { sha256 } from '@sotto/crypto/sha256';
import { toBase64Url } from '@sotto/protocol';

import { directConversationId } from '../content/content.js';
import { MAX_ASKED, resendRequest, type ResendRequestBody } from '../content/kinds/resend.js';
import { addNoticeRow, enqueue, ensureConversation, largestHlc } from '../history/rows.js';
import type { DeviceRef, HistoryRows, MessageRow } from '../history/schema.js';
import type { Range, WriteTransaction } from '../storage/tables.js';
import type { EngineContext } from './context.js';
import { countMissing, newestMissing } from './gaps.js';
import type { Outgoing } from './outgoing.js';
import type { Repairs } from './repair.js';
import type { SessionUnit } from './session-store.js';

/** Submits overtake each other by seconds at most; what is missing after a minute is missing. */
const GAP_GRACE_MS = 60_000;

/** Requests that wait for one device: as many as sealed envelopes are kept. Each look at the outbox passes them all. */
const MAX_WAITING = 1_000;

/** Of these, for gaps: one is enough, as it asks for all that is missing, but for those that are leaving just now. */
const MAX_WAITING_GAPS = 100;

/** A request as it may leave now, or how long it must wait; null when there is nothing left to ask for. */
export type Ask =
  | { readonly outgoing: Outgoing; readonly fresh: boolean; readonly counted: boolean }
  | { readonly waitMs: number }
  | null;

/**
 * Looks at a request just before it is sealed: whether it is still needed, and whether it may go.
 *
 * @param now relay-corrected milliseconds since the epoch
 */
export async function prepareAsk(
  context: EngineContext,
  repairs: Repairs,
  unit: SessionUnit,
  outgoing: Outgoing,
  only: DeviceRef,
  now: number,
): Promise<Ask> {
  const body = outgoing.body as unknown as ResendRequestBody;
  const isGap = body.envelopes.length === 0 && body.after === undefined;
  const ready = isGap ? await prepareGap(context, unit, outgoing, only, now) : outgoing;
  if (!ready || 'waitMs' in ready) return ready;
  const plan = await repairs.plan(only);
  return 'waitMs' in plan ? plan : { outgoing: ready, fresh: plan.session === 'fresh', counted: plan.counted };
}

/** What is missing now, unless it has come meanwhile or is accounted for by envelopes that could not be read. */
async function prepareGap(
  context: EngineContext,
  unit: SessionUnit,
  outgoing: Outgoing,
  only: DeviceRef,
  now: number,
): Promise<Outgoing | { waitMs: number } | null> {
  const waited = now - outgoing.at;
  if (waited >= 0 && waited < GAP_GRACE_MS) return { waitMs: GAP_GRACE_MS - waited };
  const { missing } = await unit.counters(only.user, only.device, only.registration);
  const unread = await context.vault.read(['undecryptable'], (transaction) => {
    const open = [only.user, only.device, 0];
    return transaction.count('undecryptable', { index: 'open', lower: open, upper: [...open, []] });
  });
  const count = countMissing(missing);
  if (count <= unread) return null;
  const body: ResendRequestBody = { envelopes: [], counters: newestMissing(missing, MAX_ASKED) };
  await context.history.write(['conversations', 'messages', 'notices'], (transaction) =>
    showMissing(transaction, context, only, { asked: count, lost: [] }, now),
  );
  return { ...outgoing, body: { ...body } };
}

/**
 * Asks a device, once per `what`. A stranger is asked too: a message must not be lost because nobody knows its author yet.
 *
 * @returns false when so much waits for this device that no more is asked of it
 */
export async function enqueueAsk(
  transaction: WriteTransaction<Pick<HistoryRows, 'outbox' | 'conversations'>>,
  context: EngineContext,
  only: DeviceRef,
  what: string,
  body: ResendRequestBody,
  now: number,
): Promise<boolean> {
  if ((await transaction.count('outbox', asksOf(only))) >= MAX_WAITING) return false;
  const conversation = directConversationId(context.user, only.user);
  const own = only.user === context.user;
  const known = own ? undefined : await transaction.get('conversations', [conversation]);
  const peer = own ? context.userName : (known?.peer ?? only.user);
  await enqueue(transaction, {
    id: askId(only, what),
    conversation,
    peer,
    kind: resendRequest.name,
    body,
    at: now,
    messageId: null,
    only,
  });
  return true;
}

/** Asks for what is missing when the request leaves; `counter` is the one that showed a gap. */
export async function enqueueGapAsk(
  transaction: WriteTransaction<Pick<HistoryRows, 'outbox' | 'conversations'>>,
  context: EngineContext,
  from: DeviceRef,
  counter: number,
  now: number,
): Promise<void> {
  if ((await transaction.count('outbox', asksOf(from, GAP))) >= MAX_WAITING_GAPS) return;
  await enqueueAsk(transaction, context, from, `${GAP}${counter}`, { envelopes: [], counters: [] }, now);
}

const GAP = 'gap ';

const askId = ({ user, device, registration }: DeviceRef, what: string): string =>
  `ask:${user}.${device}.${registration}:${what}`;

const asksOf = (only: DeviceRef, what = ''): Range => ({
  lower: [askId(only, what)],
  upper: [`${askId(only, what)}\uffff`],
});

/** Submits overtake each other: what seemed to be missing has come, and need not be asked for. */
export async function withdrawGapAsks(
  transaction: WriteTransaction<Pick<HistoryRows, 'outbox'>>,
  from: DeviceRef,
): Promise<void> {
  for (const { id } of await transaction.range('outbox', asksOf(from, GAP))) await transaction.delete('outbox', [id]);
}

/** The notice of what is missing from one device: kept up to date, and gone when nothing is. */
export async function showMissing(
  transaction: NoticeTransaction,
  context: EngineContext,
  from: DeviceRef,
  { asked, lost }: { asked: number; lost: readonly number[] },
  now: number,
): Promise<void> {
  const conversation = directConversationId(context.user, from.user);
  const key = [conversation, from.user, missingId(from), from.device] as const;
  const row = await transaction.get('messages', key);
  const body = { kind: 'missing', asked, lost } as const;
  if (row) await transaction.put('messages', { ...row, body });
  else await showNotice(transaction, context, from, missingId(from), now, body);
}

type NoticeTransaction = WriteTransaction<Pick<HistoryRows, 'conversations' | 'messages' | 'notices'>>;

/**
 * Shows in the sender's conversation what has become of something of theirs. Of an own device's copies nobody can say where they
 * belong: their rows stand in a conversation with oneself, which is not listed, and one notice of this device tells of them all.
 */
export async function showNotice(
  transaction: NoticeTransaction,
  { user: self }: EngineContext,
  { user, device }: Pick<DeviceRef, 'user' | 'device'>,
  id: string,
  now: number,
  body: Extract<MessageRow['body'], { kind: 'undecryptable' | 'missing' }>,
): Promise<void> {
  const own = user === self;
  const conversation = directConversationId(self, user);
  if (own) await transaction.put('notices', { code: OWN_COPY, at: now });
  else await ensureConversation(transaction, conversation, user, null);
  const unread = own || body.kind === 'missing' ? 0 : 1;
  await addNoticeRow(transaction, conversation, user, id, device, now, body, unread);
}

/** What went wrong with own devices' copies has been settled, or part of it: with the last of it the notice goes. */
export async function settleOwnCopies(transaction: NoticeTransaction, conversation: string): Promise<void> {
  if ((await largestHlc(transaction, conversation, true)) === 0) await transaction.delete('notices', [OWN_COPY]);
}

export const OWN_COPY = 'own-copy-unreadable';

export async function missingNotice(
  transaction: WriteTransaction<Pick<HistoryRows, 'messages'>>,
  context: EngineContext,
  from: DeviceRef,
): Promise<MessageRow | undefined> {
  const conversation = directConversationId(context.user, from.user);
  return transaction.get('messages', [conversation, from.user, missingId(from), from.device]);
}

/** 16 bytes, base64url: one notice per sending registration. */
export function missingId({ user, device, registration }: DeviceRef): string {
  const name = new TextEncoder().encode(`missing ${user}.${device}.${registration}`);
  return toBase64Url(sha256(name).subarray(0, 16));
}
