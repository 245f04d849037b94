import { nameRow } from '../history/device-name-row.js';
import { markRow } from '../history/identity-row.js';
import { ownProfileRow } from '../history/profile-row.js';
import { PASSED_ON, readMarkRows } from '../history/read-mark-row.js';
import { enqueue } from '../history/rows.js';
import type { HistoryRows } from '../history/schema.js';
import type { WriteTransaction } from '../storage/tables.js';
import type { EngineContext } from './context.js';

/** Of contacts: more than most people have; the rest come when they next change. */
const MAX_PROFILES_PASSED_ON = 1_000;

/** A device is known to the others within seconds, and whatever the relay says of when it joined, nothing older is told. */
const LONGEST_UNKNOWN_MS = 24 * 60 * 60 * 1000;
const MAX_CONVERSATIONS = 1_000;
const MAX_MESSAGES = 500;

/** Of {@link introduce}. */
export type IntroducingTransaction = WriteTransaction<
  Pick<HistoryRows, 'conversations' | 'messages' | 'identities' | 'profiles' | 'outbox'>
>;

export interface Introduction {
  /** What this device is called. */
  readonly name: string | null;
  /** When the first of the new devices joined, milliseconds since the epoch. */
  readonly since: number;
}

/** Tells new devices what this one is called, whom the person has verified, what people call themselves, and what was read. */
export async function introduce(
  transaction: IntroducingTransaction,
  context: EngineContext,
  { name, since }: Introduction,
): Promise<void> {
  const { random, user, clock } = context;
  for (const row of await transaction.range('identities'))
    if (row.verified === 1) await enqueue(transaction, markRow(context, row, random(16)));
  const own = await transaction.get('profiles', [user]);
  const others = await transaction.range('profiles', { limit: MAX_PROFILES_PASSED_ON });
  const profiles = [...(own ? [own] : []), ...others.filter((row) => row.user !== user)];
  for (const row of profiles) await enqueue(transaction, ownProfileRow(context, row, clock.now()));
  if (name !== null) await enqueue(transaction, nameRow(context, name, random(8)));
  await tellRead(transaction, context, Math.max(since, clock.now() - LONGEST_UNKNOWN_MS));
}

/**
 * What was read here before the new devices were known of, and has come to them: while this device thought itself alone, nobody was
 * told.
 */
async function tellRead(transaction: IntroducingTransaction, context: EngineContext, since: number): Promise<void> {
  const active = { index: 'activity', lower: [since], reverse: true, limit: MAX_CONVERSATIONS } as const;
  for (const { id: conversation, peer } of await transaction.range('conversations', active)) {
    if (peer === null) continue;
    const range = { index: 'position', lower: [conversation, since], upper: [conversation, []] } as const;
    const rows = await transaction.range('messages', { ...range, reverse: true, limit: MAX_MESSAGES });
    const read = rows.filter((row) => row.user !== context.user && row.unread === 0);
    await enqueue(transaction, ...readMarkRows({ conversation, peer }, read, context.clock.now(), PASSED_ON));
  }
}
