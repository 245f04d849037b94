import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ZEROS_32 } from './bytes.js';

/**
 * HKDF-SHA-256 (RFC 5869), extract then expand.
 * @param salt `null` stands for the RFC's default, 32 zero bytes
 * @param length output bytes, at most 8160
 */
export function hkdf(salt: Uint8Array | null, ikm: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return nobleHkdf(sha256, ikm, salt ?? ZEROS_32, info, length);
}
