/**
 * The canonical check that a responder makes on the initiator's base key (keys-and-signatures.md §1): u in range, and
 * the point of the curve v² = u³ + A u² + u in the subgroup of prime order L.
 *
 * Multiplying by L is slow. The group of the curve is Z/8 x Z/L, so a point lies in the subgroup when it can be halved
 * three times:
 *
 *   P can be halved iff u(P) is a square; on the curve then u² + A u + 1 = w² is one too
 *   s = u + w or u - w, whichever makes s² - 1 = r² a square;   u(P/2) = s + r
 *
 * The second line solves the doubling formula u(2Q) = (u² - 1)² / 4u(u² + A u + 1) for u(Q) + 1/u(Q) = 2s. The two
 * halves of a point differ by the point of order 2, which itself can be halved twice, so it does not matter which one
 * is taken. All inputs are public.
 */
import { PUBLIC_KEY_LENGTH, rawPublicKey } from './curve25519.js';
import { littleEndian } from './edwards.js';

const P = 2n ** 255n - 19n;
const A = 486662n;
/** A square root of -1. */
const I = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;

/** Whether u < 2^255 - 19 with bit 255 clear: first half of the canonical check. */
export function isInRange(u: Uint8Array): boolean {
  const last = u[31] ?? 0xff;
  if (last >= 0x80) return false;
  if (last !== 0x7f || (u[0] ?? 0) < 0xed) return true;
  for (let i = 1; i < 31; i++) if (u[i] !== 0xff) return true;
  return false;
}

export function isCanonicalPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_LENGTH) return false;
  const u = rawPublicKey(publicKey);
  return isInRange(u) && isInPrimeSubgroup(littleEndian(u));
}

function isInPrimeSubgroup(u: bigint): boolean {
  if (u === 0n || sqrt(u) === null) return false;
  const half = halve(u);
  if (half === null) return false;
  const quarter = halve(half);
  return quarter !== null && sqrt(curve(quarter)) !== null;
}

/** (u² + A u + 1) mod p: v² / u. */
function curve(u: bigint): bigint {
  return (u * (u + A) + 1n) % P;
}

/** u-coordinate of half a point, or null when it cannot be halved. */
function halve(u: bigint): bigint | null {
  const w = sqrt(curve(u));
  if (w === null) return null;
  for (const s of [(u + w) % P, (u - w + P) % P]) {
    const r = sqrt((s * s - 1n + P) % P);
    if (r !== null) return (s + r) % P;
  }
  return null;
}

/** A square root modulo p = 5 mod 8, or null: a^((p+3)/8), if need be times the root of -1. */
function sqrt(a: bigint): bigint | null {
  const root = (a * powP58(a)) % P;
  const square = (root * root) % P;
  if (square === a) return root;
  return (square + a) % P === 0n ? (root * I) % P : null;
}

/** x^(2^n). */
function squareTimes(x: bigint, n: number): bigint {
  let result = x;
  for (let i = 0; i < n; i++) result = (result * result) % P;
  return result;
}

/** x^((p-5)/8) = x^(2^252 - 3), by the usual chain of runs of ones. */
function powP58(x: bigint): bigint {
  const ones = (high: bigint, low: bigint, length: number): bigint => (squareTimes(high, length) * low) % P;
  const x2 = ones(x, x, 1);
  const x4 = ones(x2, x2, 2);
  const x5 = ones(x4, x, 1);
  const x10 = ones(x5, x5, 5);
  const x20 = ones(x10, x10, 10);
  const x40 = ones(x20, x20, 20);
  const x50 = ones(x40, x10, 10);
  const x100 = ones(x50, x50, 50);
  const x200 = ones(x100, x100, 100);
  const x250 = ones(x200, x50, 50);
  return ones(x250, x, 2);
}
