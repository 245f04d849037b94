/** The birational map from Curve25519 to Ed25519 points (keys-and-signatures.md §1 and §2). */
import { ed25519 } from '@noble/curves/ed25519.js';

export const { Point } = ed25519;
export type EdwardsPoint = InstanceType<typeof Point>;

const { Fp, Fn } = Point;
const U_MASK = (1n << 255n) - 1n;

/** Little-endian bytes as an integer. */
export function littleEndian(bytes: Uint8Array): bigint {
  let hex = '';
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] ?? 0).toString(16).padStart(2, '0');
  return BigInt(`0x${hex}`);
}

/** Little-endian bytes reduced modulo the group order L. */
export function scalarFromBytes(bytes: Uint8Array): bigint {
  return Fn.create(littleEndian(bytes));
}

/** 32 little-endian bytes of a scalar below L. */
export function scalarToBytes(scalar: bigint): Uint8Array {
  return Fn.toBytes(scalar);
}

/**
 * The Edwards point of u-coordinate `u` (32 bytes, top bit ignored, reduced mod p) whose x has the given sign:
 * y = (u - 1) / (u + 1). Null when u = -1 or when no such point exists on the curve (u lies on its twist).
 */
export function edwardsFromMontgomery(u: Uint8Array, sign: 0 | 1): EdwardsPoint | null {
  const uCoordinate = Fp.create(littleEndian(u) & U_MASK);
  const denominator = Fp.add(uCoordinate, Fp.ONE);
  if (Fp.is0(denominator)) return null;
  const encoded = Fp.toBytes(Fp.mul(Fp.sub(uCoordinate, Fp.ONE), Fp.inv(denominator)));
  encoded[31] = (encoded[31] ?? 0) | (sign << 7);
  try {
    // ZIP 215 decoding takes x = 0 with sign 1, as the official verifier does; y is canonical here in any case.
    return Point.fromBytes(encoded, true);
  } catch {
    return null;
  }
}
