/**
 * Where the post-quantum ratchet (SPQR) meets the session: each outgoing message asks it for bytes to attach and an
 * optional key, each incoming message hands it the bytes and gets the key back (spqr.md, first paragraph). Sessions
 * know no more of it.
 */
import type { RecordReader } from '../encoding/record-reader.js';
import type { RecordWriter } from '../encoding/record-writer.js';
import type { RandomBytes } from '../primitives/random.js';
import { DISABLED_SPQR, initSpqr, SELF_SESSION_MAX_JUMP, spqrReceive, spqrSend } from '../spqr/spqr.js';
import { readSpqr, writeSpqr } from '../spqr/codec.js';
import type { SpqrState } from '../spqr/state.js';
import type { RatchetLimits } from './limits.js';

export type PqRatchet = SpqrState;

/** What a session wants of its peer: SPQR for certain, SPQR if it can, or none. */
export type PqPolicy = 'required' | 'optional' | 'off';

export interface PqStart {
  readonly policy: PqPolicy;
  /** PQK of the handshake, 32 bytes; null after X3DH, which has no post-quantum ratchet. */
  readonly authKey: Uint8Array | null;
  readonly role: 'initiator' | 'responder';
  readonly sameAccount: boolean;
  readonly limits: RatchetLimits;
}

export function startPqRatchet({ policy, authKey, role, sameAccount, limits }: PqStart): PqRatchet {
  if (authKey === null || policy === 'off') return DISABLED_SPQR;
  const { maxForwardJump, maxSelfForwardJump, maxSkippedSeeds } = limits;
  // SPQR and the stored form of its limits count in u32.
  return initSpqr({
    authKey,
    direction: role === 'initiator' ? 'a2b' : 'b2a',
    minVersion: policy === 'required' ? 1 : 0,
    maxJump: Math.min(sameAccount ? maxSelfForwardJump : maxForwardJump, SELF_SESSION_MAX_JUMP),
    maxOutOfOrder: Math.min(maxSkippedSeeds, SELF_SESSION_MAX_JUMP),
  });
}

export const pqSend: (
  ratchet: PqRatchet,
  random: RandomBytes,
) => { state: PqRatchet; message: Uint8Array; key: Uint8Array | null } = spqrSend;

/** @throws CryptoError `invalid-message` */
export const pqReceive: (ratchet: PqRatchet, message: Uint8Array) => { state: PqRatchet; key: Uint8Array | null } =
  spqrReceive;

export const writePq: (writer: RecordWriter, ratchet: PqRatchet) => void = writeSpqr;

/** @throws CryptoError `corrupt-record` */
export const readPq: (reader: RecordReader) => PqRatchet = readSpqr;
