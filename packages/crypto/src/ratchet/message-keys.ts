/**
 * `HKDF(salt, S, "WhisperMessageKeys", 80)`: the one place where SPQR touches the Double Ratchet (double-ratchet.md
 * §1).
 */
import { ascii, wipe } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';

const INFO = ascii('WhisperMessageKeys');

/** Keys of one message: cipher key 32, MAC key 32, IV 16 bytes. All are views of one buffer. */
export interface MessageKeys {
  readonly cipherKey: Uint8Array;
  readonly macKey: Uint8Array;
  readonly iv: Uint8Array;
}

/** @param pqKey the post-quantum ratchet's key of this message, or null when it has none */
export function deriveMessageKeys(seed: Uint8Array, pqKey: Uint8Array | null): MessageKeys {
  const okm = hkdf(pqKey, seed, INFO, 80);
  return { cipherKey: okm.subarray(0, 32), macKey: okm.subarray(32, 64), iv: okm.subarray(64) };
}

export function wipeMessageKeys(keys: MessageKeys): void {
  wipe(keys.cipherKey, keys.macKey, keys.iv);
}
