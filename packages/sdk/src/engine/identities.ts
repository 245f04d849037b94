import type { Aci } from '@sotto/protocol';

import { directConversationId } from '../content/content.js';
import { holdsSending } from '../history/identity-policy.js';
import type { HistoryRows, IdentityRow } from '../history/schema.js';
import type { WriteTransaction } from '../storage/tables.js';
import { equalBytes } from '../util/bytes.js';
import { randomId } from '../util/random.js';
import { applyIdentityChange } from './apply.js';
import type { EngineContext } from './context.js';

export const IDENTITY_TABLES = ['conversations', 'messages', 'outbox', 'identities'] as const;

type Transaction = WriteTransaction<Pick<HistoryRows, (typeof IDENTITY_TABLES)[number]>>;

/** A user whose changed identity the person has not accepted yet: what is for them waits. */
export class IdentityHeld extends Error {
  override readonly name = 'IdentityHeld';

  constructor(readonly user: Aci) {
    super('identity held');
  }
}

/**
 * Writes down under which identity a user is known, before the vault pins it. Another key than the one written there is a
 * change: all that it causes happens in the same transaction, once for each change, however often it is repeated.
 *
 * @param before the key that the vault holds so far
 * @param now relay-corrected milliseconds since the epoch
 */
export async function noteIdentity(
  transaction: Transaction,
  context: EngineContext,
  user: Aci,
  identityKey: Uint8Array,
  before: Uint8Array | undefined,
  now: number,
): Promise<void> {
  const row = await transaction.get('identities', [user]);
  const known = row?.identityKey ?? before;
  if (row && equalBytes(row.identityKey, identityKey)) return;
  // This user's own identity is what the vault says; there is nobody to be warned.
  const changed = known !== undefined && !equalBytes(known, identityKey) && user !== context.user;
  if (changed) await applyIdentityChange(transaction, context, user, randomId(context.random), now);
  await transaction.put('identities', identityRow(context, user, identityKey, changed ? row : null, changed, now));
}

function identityRow(
  context: EngineContext,
  user: Aci,
  identityKey: Uint8Array,
  before: IdentityRow | null | undefined,
  changed: boolean,
  now: number,
): IdentityRow {
  // A second change before the first was accepted does not make the verified one forgotten.
  const wasVerified = before?.verified === 1 || before?.wasVerified === 1;
  return {
    user,
    identityKey,
    verified: 0,
    markedAt: before?.markedAt ?? 0,
    changedAt: changed ? now : null,
    wasVerified: wasVerified ? 1 : 0,
    held: changed && (before?.held === 1 || holdsSending(context.identityChanges, wasVerified)) ? 1 : 0,
  };
}

/** Whether something may be sealed for the identity that the vault holds of a user. */
export function sendingVerdict(row: IdentityRow | undefined, identityKey: Uint8Array): 'yes' | 'held' | 'not-noted' {
  if (!row || !equalBytes(row.identityKey, identityKey)) return 'not-noted';
  return row.held === 1 ? 'held' : 'yes';
}

/** Conversations in which nothing may be sent to the other user for now. */
export async function heldConversations(
  transaction: Pick<Transaction, 'range'>,
  context: EngineContext,
): Promise<ReadonlySet<string>> {
  const rows = await transaction.range('identities', { index: 'held', lower: [1] });
  return new Set(rows.map(({ user }) => directConversationId(context.user, user)));
}
