/**
 * The Sparse Post-Quantum Ratchet, version 1 (spqr.md): beside the Double Ratchet, it attaches bytes to every message and
 * yields a key that salts the message keys. State in, new state out; an error leaves nothing behind.
 */
import { NO_BYTES } from '../primitives/bytes.js';
import type { RandomBytes } from '../primitives/random.js';
import { braidReceive, braidSend, startBraid } from './braid.js';
import type { EpochSecret } from './braid-state.js';
import { addEpoch, createEpochChain, type Direction, type EpochChain, receiveKey, sendKey } from './epoch-chain.js';
import { decodeMessage, encodeMessage } from './message.js';
import { invalidSpqr } from './spqr-error.js';
import type { ActiveSpqr, DisabledSpqr, Negotiation, SpqrState } from './state.js';

/** libsignal's limit on how far an index may jump. */
export const DEFAULT_MAX_JUMP = 25_000;
/** libsignal's limit for sessions with another device of the same account. */
export const SELF_SESSION_MAX_JUMP = 0xffff_ffff;
/** How many keys back a late message may reach. */
export const DEFAULT_MAX_OUT_OF_ORDER = 2_000;

/** The state of sessions without SPQR (version 0). */
export const DISABLED_SPQR: DisabledSpqr = { version: 0 };

export interface SpqrOptions {
  /** PQK of PQXDH, 32 bytes. */
  readonly authKey: Uint8Array;
  /** `a2b` for the initiator of the session, `b2a` for the responder. */
  readonly direction: Direction;
  /** 1 (default): the peer must use SPQR. 0: a peer without it is accepted, as libsignal 0.75 to 0.90 did. */
  readonly minVersion?: 0 | 1;
  /** Default 25,000. */
  readonly maxJump?: number;
  /** Default 2,000. */
  readonly maxOutOfOrder?: number;
}

/** The state right after the handshake. */
export function initSpqr({ authKey, direction, minVersion = 1, maxJump, maxOutOfOrder }: SpqrOptions): ActiveSpqr {
  return {
    version: 1,
    direction,
    limits: { maxJump: maxJump ?? DEFAULT_MAX_JUMP, maxOutOfOrder: maxOutOfOrder ?? DEFAULT_MAX_OUT_OF_ORDER },
    negotiation: { authKey, minVersion },
    chain: minVersion >= 1 ? createEpochChain(authKey, direction) : null,
    braid: startBraid(authKey, direction),
  };
}

export interface SpqrSent {
  readonly state: SpqrState;
  /** Bytes to attach, for field 5 of SignalMessage; empty when SPQR is disabled. */
  readonly message: Uint8Array;
  /** 32 bytes to salt the message keys with, or null. */
  readonly key: Uint8Array | null;
}

/** @param random asked for 64 bytes when an epoch's key pair is made, for 32 when one encapsulates, else not at all */
export function spqrSend(state: SpqrState, random: RandomBytes): SpqrSent {
  if (state.version === 0) return { state, message: NO_BYTES, key: null };
  const { epoch } = state.braid;
  const { state: braid, payload, emitted } = braidSend(state.braid, random);
  if (state.chain === null) {
    if (emitted !== null) throw invalidSpqr('an epoch ended before the peer spoke');
    return { state: { ...state, braid }, message: encodeMessage({ epoch, index: 0, payload }), key: null };
  }
  const { chain, index, key } = sendKey(withEmitted(state.chain, emitted), epoch - 1);
  return { state: { ...state, braid, chain }, message: encodeMessage({ epoch, index, payload }), key };
}

export interface SpqrReceived {
  readonly state: SpqrState;
  /** 32 bytes to salt the message keys with, or null. */
  readonly key: Uint8Array | null;
}

/**
 * Takes the bytes attached to an incoming message (empty when there are none). Keep the new state only if the message's
 * MAC then proves right.
 *
 * @throws CryptoError `invalid-message`
 */
export function spqrReceive(state: SpqrState, message: Uint8Array): SpqrReceived {
  if (state.version === 0) return { state, key: null };
  if (message.length === 0) return receiveVersion0(state.negotiation);
  const { epoch, index, payload } = decodeMessage(message);
  const { state: braid, emitted } = braidReceive(state.braid, epoch, payload);
  const grown = withEmitted(existingChain(state), emitted);
  const settled = { ...state, braid, negotiation: null };
  // With minimum version 0 an initiator has no chain before the first answer (spqr.md 3).
  if (epoch === 1 && index === 0) return { state: { ...settled, chain: grown }, key: null };
  const { chain, key } = receiveKey(grown, epoch - 1, index, state.limits);
  return { state: { ...settled, chain }, key };
}

function receiveVersion0(negotiation: Negotiation | null): SpqrReceived {
  if (negotiation === null) throw invalidSpqr('version mismatch');
  if (negotiation.minVersion > 0) throw invalidSpqr('the peer does not support it');
  return { state: DISABLED_SPQR, key: null };
}

function existingChain({ chain, negotiation, direction }: ActiveSpqr): EpochChain {
  if (chain !== null) return chain;
  if (negotiation === null) throw invalidSpqr('no epoch chain');
  return createEpochChain(negotiation.authKey, direction);
}

function withEmitted(chain: EpochChain, emitted: EpochSecret | null): EpochChain {
  return emitted === null ? chain : addEpoch(chain, emitted.epoch, emitted.secret);
}
