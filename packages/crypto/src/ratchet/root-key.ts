/**
 * `KDF_RK(RK, dh) = HKDF(salt = RK, ikm = dh, info = "WhisperRatchet", 64)` -> new RK, new CK (double-ratchet.md §1).
 */
import { ascii, wipe } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';
import type { ChainKey } from './chain-key.js';

const INFO = ascii('WhisperRatchet');

/** One DH ratchet step. `dh` (32 bytes) is wiped. */
export function nextRootKey(rootKey: Uint8Array, dh: Uint8Array): { rootKey: Uint8Array; chainKey: ChainKey } {
  const okm = hkdf(rootKey, dh, INFO, 64);
  const next = { rootKey: okm.slice(0, 32), chainKey: { key: okm.slice(32), index: 0 } };
  wipe(okm, dh);
  return next;
}
