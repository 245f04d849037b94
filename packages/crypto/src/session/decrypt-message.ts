/** Receiving a plain message: which session it belongs to (handshake.md §7). */
import { CryptoError } from '../errors.js';
import type { LocalParty, ProtocolAddress } from '../keys/address.js';
import type { RandomBytes } from '../primitives/random.js';
import { findReceiverChain } from '../ratchet/double-ratchet.js';
import { parseSignalMessage, type SignalMessage } from '../ratchet/signal-message.js';
import { DH_COST, withDefaults, type SessionLimits } from './limits.js';
import { decryptWithSession, type ReceiveContext } from './message-cipher.js';
import { Precomputed } from './precomputed.js';
import { promoteSession, type SessionRecord } from './session-record.js';
import type { SessionState } from './session-state.js';

export interface DecryptMessageInput {
  readonly record: SessionRecord;
  readonly local: LocalParty;
  readonly remote: ProtocolAddress;
  readonly bytes: Uint8Array;
  readonly random: RandomBytes;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** From `precomputeMessage`. */
  readonly precomputed?: Precomputed | undefined;
}

export interface DecryptMessageOutput {
  readonly record: SessionRecord;
  readonly plaintext: Uint8Array;
  /** Identity key (33 bytes) of the sender, authenticated: check trust before storing anything. */
  readonly identityKey: Uint8Array;
}

/**
 * What a failed trial means for the message as a whole: duplicates stay duplicates, everything else is "decryption
 * failed".
 */
export function collapseFailure(error: unknown, label: string): CryptoError {
  if (!(error instanceof CryptoError)) throw error;
  if (error.code === 'duplicate-message' || error.code === 'invalid-argument') return error;
  return new CryptoError('invalid-message', `${label}: decryption failed`, { cause: error });
}

/**
 * Decrypts a `whisper` message with the current or an archived session; an archived one becomes current.
 * @throws CryptoError `duplicate-message`, `invalid-message`, `session-not-found` without any session, or the parsing
 *   errors `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf`. The record passed in stays valid.
 */
export function decryptMessage(input: DecryptMessageInput): DecryptMessageOutput {
  const { record, local, remote, random, precomputed = Precomputed.none } = input;
  const message = parseSignalMessage(input.bytes);
  if (record.current === null && record.archived.length === 0) {
    throw new CryptoError('session-not-found', 'no session');
  }
  const limits = withDefaults(input.limits);
  const context: ReceiveContext = {
    local,
    remote,
    limits,
    agreements: precomputed.agreements,
    freshKeyPair: () => precomputed.freshKeyPair(random),
  };
  let failure: CryptoError | null = null;
  for (const session of candidates(record, message, limits)) {
    try {
      const { session: next, plaintext } = decryptWithSession(session, message, context);
      const isCurrent = session === record.current;
      const updated = isCurrent ? { ...record, current: next } : promoteSession(record, next, limits, session);
      return { record: updated, plaintext, identityKey: next.remoteIdentityKey };
    } catch (error) {
      const collapsed = collapseFailure(error, 'message');
      if (collapsed.code !== 'invalid-message') throw collapsed;
      failure ??= collapsed;
    }
  }
  throw failure ?? new CryptoError('invalid-message', 'no session of this version');
}

/**
 * Sessions worth trying. Those that already know the ratchet key come first: ratchet keys are unique, so the order
 * changes no outcome, and it saves a DH per session. Archived sessions are cut off by the work budget.
 */
function candidates(record: SessionRecord, message: SignalMessage, limits: SessionLimits): SessionState[] {
  const all = record.current === null ? record.archived : [record.current, ...record.archived];
  const sameVersion = all.filter((session) => session.version === message.version);
  const knowing = sameVersion.filter((session) => knows(session, message));
  const others = sameVersion.filter((session) => !knows(session, message));
  let budget = limits.maxArchivedTrialSteps;
  return [...knowing, ...others].filter((session) => {
    if (session === record.current) return true;
    const cost = trialCost(session, message, limits);
    if (cost > budget) return false;
    budget -= cost;
    return true;
  });
}

function knows(session: SessionState, message: SignalMessage): boolean {
  return findReceiverChain(session.ratchet, message.ratchetKey) !== undefined;
}

/** Chain key steps that a trial takes; a jump beyond the limit is refused without stepping. */
function trialCost(session: SessionState, message: SignalMessage, limits: SessionLimits): number {
  const chain = findReceiverChain(session.ratchet, message.ratchetKey);
  const steps = Math.max(0, message.counter - (chain?.chainKey.index ?? 0));
  return (chain === undefined ? DH_COST : 0) + (steps > limits.maxForwardJump ? 0 : steps);
}
