import { PUBLIC_KEY_LENGTH, rawPublicKey } from './curve25519.js';
import { edwardsFromMontgomery } from './edwards.js';

/** Whether u < 2^255 - 19 with bit 255 clear (keys-and-signatures.md §1, first half of the canonical check). */
export function isInRange(u: Uint8Array): boolean {
  const last = u[31] ?? 0xff;
  if (last >= 0x80) return false;
  if (last !== 0x7f || (u[0] ?? 0) < 0xed) return true;
  for (let i = 1; i < 31; i++) if (u[i] !== 0xff) return true;
  return false;
}

/** Canonical check of the initiator's base key: u in range, and its point in the prime-order subgroup. */
export function isCanonicalPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_LENGTH) return false;
  const u = rawPublicKey(publicKey);
  if (!isInRange(u)) return false;
  const point = edwardsFromMontgomery(u, 0);
  return point !== null && point.isTorsionFree();
}
