import type { Aci } from '@sotto/protocol';

import { displayName } from '../content/display-name.js';
import { profile, type ProfileBody } from '../content/kinds/profile.js';
import { directConversationId } from '../content/content.js';
import { MAX_HLC } from '../content/position.js';
import { enqueue, type NewOutboxRow } from './rows.js';
import type { ConversationRow, HistoryRows, ProfileRow } from './schema.js';
import type { WriteTransaction } from '../storage/tables.js';

type Told = WriteTransaction<Pick<HistoryRows, 'conversations' | 'outbox'>>;

/** Contacts who are told of a new profile at once, the latest first; the others when they are next written to. */
const TOLD_AT_ONCE = 200;

interface Self {
  readonly user: Aci;
  readonly userName: string;
}

/** The person's new word on themselves. Later than every earlier one, also where a clock went back. */
export function changedProfile(
  user: Aci,
  before: ProfileRow | undefined,
  name: string | null,
  now: number,
): ProfileRow {
  return { user, name, at: Math.min(Math.max(now, (before?.at ?? 0) + 1), MAX_HLC) };
}

/** What has come, in the form in which it is shown, if it is later than what is known. */
export function laterProfile(known: ProfileRow | undefined, { user, name, at }: ProfileRow): ProfileRow | null {
  const row = { user, name: name === null ? null : displayName(name), at };
  const isLater = !known || at > known.at || (at === known.at && (row.name ?? '') > (known.name ?? ''));
  return isLater ? row : null;
}

/** Whether this user's profile says anything new to a contact. */
export function isUntold(conversation: ConversationRow, own: ProfileRow): boolean {
  return own.at > conversation.profileAt && (own.name !== null || conversation.profileAt > 0);
}

/** Tells a contact. The caller stores `profileAt`. */
export async function tellProfile(
  transaction: Told,
  { id, peer }: { readonly id: string; readonly peer: string },
  own: ProfileRow,
): Promise<void> {
  await enqueue(transaction, profileRow(id, peer, own, own.at));
}

/** Tells those whom this user talks with. */
export async function tellContacts(transaction: Told, own: ProfileRow): Promise<void> {
  const latest = { index: 'activity', reverse: true, limit: TOLD_AT_ONCE };
  for (const row of await transaction.range('conversations', latest)) {
    const { id, peer } = row;
    if (peer === null || row.answered === 0 || !isUntold(row, own)) continue;
    await tellProfile(transaction, { id, peer }, own);
    await transaction.put('conversations', { ...row, profileAt: own.at });
  }
}

/** For this user's other devices: in the conversation that a user has with itself. */
export function ownProfileRow({ user, userName }: Self, row: ProfileRow, now: number): NewOutboxRow {
  return profileRow(directConversationId(user, user), userName, row, now);
}

function profileRow(conversation: string, peer: string, { user, name, at }: ProfileRow, now: number): NewOutboxRow {
  return {
    id: `${profile.name}:${conversation}:${user}:${now}`,
    conversation,
    peer,
    kind: profile.name,
    body: { profiles: [{ user, name, at }] } satisfies ProfileBody,
    at: now,
    messageId: null,
  };
}
