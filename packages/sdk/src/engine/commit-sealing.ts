import { toBase64Url } from '@sotto/protocol';

import type { WriteTransaction } from '../storage/tables.js';
import { equalBytes } from '../util/bytes.js';
import type { RepairRow, SealedMessageRow, SealedPayloadRow, SentRow, VaultRows } from '../vault/schema.js';
import { commitVault, sideBySide, VaultConflict, type EngineContext } from './context.js';
import type { Outgoing } from './outgoing.js';
import type { Repairs } from './repair.js';
import { nextSealing, putSealing } from './sealings.js';
import type { SessionUnit } from './session-store.js';
import { isFor, type Target } from './targets.js';

/** Sealed, but for its number: that comes with the commit. */
export type UncountedRow = Omit<SealedPayloadRow, 'sealing'>;

/** A session step, and what it has sealed. */
export interface SealingStep {
  readonly outgoing: Outgoing;
  readonly targets: readonly Target[];
  readonly unit: SessionUnit;
  readonly message: SealedMessageRow;
  /** The message was not sealed before, for anybody. */
  readonly isNew: boolean;
  /** A new session was started even where there was one. */
  readonly isFresh: boolean;
  /** A request that {@link Repairs} counts. */
  readonly isCounted: boolean;
  readonly fresh: readonly UncountedRow[];
  /** Sealed before for devices that it does not go to any more. */
  readonly stale: readonly SealedPayloadRow[];
}

const TABLES = [
  'peers',
  'sessions',
  'archivedSessions',
  'sealedMessages',
  'sealedPayloads',
  'positions',
  'sent',
  'repairs',
] as const;

/**
 * What the vault is told of a sealing, in one transaction: the session step, the sealed bytes with their number, the position, and
 * what is kept to send it again.
 *
 * @returns the payloads with their number, and the row that the request counts in; null where all that it answers is answered
 * @throws VaultConflict
 */
export async function commitSealing(
  context: EngineContext,
  repairs: Repairs,
  { outgoing, targets, unit, message, isNew, isFresh, isCounted, fresh, stale }: SealingStep,
): Promise<{ readonly counted: readonly SealedPayloadRow[]; readonly repaired: RepairRow | null } | null> {
  return commitVault(context, TABLES, async (transaction) => {
    // Side by side: each waits for the database, and the message for all of them.
    const checked = sideBySide(checkPins(transaction, targets), unit.confirm(transaction));
    const [, sealing] = await sideBySide(checked, nextSealing(transaction));
    const { only, answers } = outgoing;
    if (isNew && only && answers.length > 0 && !(await markAnswered(transaction, only, answers))) return null;
    await unit.put(transaction);
    if (isNew) {
      await transaction.add('sealedMessages', message);
      if (!outgoing.resend)
        await transaction.put('positions', { conversation: message.conversation, hlc: message.hlc });
    }
    if (fresh.length > 0) await putSealing(transaction, sealing);
    const counted = fresh.map((row) => ({ ...row, sealing }));
    for (const row of counted) {
      await transaction.add('sealedPayloads', row);
      const target = targets.find((one) => isFor(row, one));
      if (!outgoing.resend && target)
        await transaction.put('sent', toSent(outgoing, message, row, target, context.clock.now()));
    }
    for (const row of stale)
      await transaction.delete('sealedPayloads', [row.message, row.user, row.device, row.registration]);
    const [first] = targets;
    const isAsked = isCounted && fresh.length > 0 && first;
    const repaired = isAsked ? await repairs.asked(transaction, first, isFresh) : null;
    return { counted, repaired };
  });
}

/** @throws VaultConflict `conflict` when somebody is pinned under another identity than it was sealed for */
async function checkPins(
  transaction: WriteTransaction<Pick<VaultRows, 'peers'>>,
  targets: readonly Target[],
): Promise<void> {
  const pinned = await Promise.all(targets.map(({ user }) => transaction.get('peers', [user])));
  for (const [i, { identityKey }] of targets.entries()) {
    const peer = pinned[i];
    if (!peer || !equalBytes(peer.identityKey, identityKey)) throw new VaultConflict('conflict');
  }
}

/** @returns whether any of it was not answered before */
async function markAnswered(
  transaction: WriteTransaction<Pick<VaultRows, 'sent'>>,
  { user, device, registration }: NonNullable<Outgoing['only']>,
  answers: Outgoing['answers'],
): Promise<boolean> {
  let open = 0;
  for (const counter of answers) {
    const row = await transaction.get('sent', [user, device, registration, counter]);
    if (!row || row.state === 'answered') continue;
    await transaction.put('sent', { ...row, state: 'answered', body: null });
    open++;
  }
  return open > 0;
}

function toSent(
  { kind, body, conversation, peer, at }: Outgoing,
  { id, envelopeId, hlc }: SealedMessageRow,
  { user, device, registration, counter }: SealedPayloadRow,
  { identityKey }: Target,
  sealedAt: number,
): SentRow {
  const again = kind.resent && kind.shows === 'effect' ? body : null;
  const what = { message: id, conversation, peer, kind: kind.name, body: again, hlc, at };
  const envelope = toBase64Url(envelopeId);
  return { user, device, registration, counter, envelope, identityKey, ...what, sealedAt, state: 'kept' };
}
