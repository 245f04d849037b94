/**
 * Where the post-quantum ratchet (SPQR) plugs in: each outgoing message asks it for bytes to attach and an optional key, each
 * incoming message hands it the bytes and gets the key back (spqr.md, first paragraph). A session without it is `null`.
 */
import { CryptoError } from '../errors.js';
import { NO_BYTES } from '../primitives/bytes.js';
import type { RandomBytes } from '../primitives/random.js';

export type PqRatchet = null;

export function pqSend(
  ratchet: PqRatchet,
  _random: RandomBytes,
): { ratchet: PqRatchet; message: Uint8Array; key: Uint8Array | null } {
  return { ratchet, message: NO_BYTES, key: null };
}

/** Ignores the bytes: version 0 (spqr.md §3). */
export function pqReceive(ratchet: PqRatchet, _message: Uint8Array): { ratchet: PqRatchet; key: Uint8Array | null } {
  return { ratchet, key: null };
}

export function serializePq(_ratchet: PqRatchet): Uint8Array {
  return NO_BYTES;
}

export function deserializePq(bytes: Uint8Array): PqRatchet {
  if (bytes.length > 0) throw new CryptoError('corrupt-record', 'unknown post-quantum state');
  return null;
}
