/**
 * XEdDSA (keys-and-signatures.md §2): Ed25519-shaped signatures with Curve25519 keys. One deviation from the public
 * scheme: the sign of the Edwards public key is not forced to 0 but travels in the top bit of the signature.
 */
import { sha512 } from '@noble/hashes/sha2.js';
import { ascii, concat, wipe } from '../primitives/bytes.js';
import { equalBytes } from '../primitives/constant-time.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import { clampPrivateKey, parsePublicKey, rawPublicKey } from './curve25519.js';
import { edwardsFromMontgomery, Point, scalarFromBytes, scalarToBytes } from './edwards.js';

export const SIGNATURE_LENGTH = 64;

/** Domain separator `fe || ff*31`: no valid encoding of a point, so it cannot collide with the hash of R. */
const NONCE_PREFIX = new Uint8Array(32).fill(0xff);
NONCE_PREFIX[0] = 0xfe;

/**
 * Signs `message` with an X25519 private key. The 64 random bytes make the nonce unpredictable; the message and key in
 * it keep it unique even when the source is weak.
 * @returns 64 bytes
 */
export function sign(privateKey: Uint8Array, message: Uint8Array, random: RandomBytes): Uint8Array {
  const key = clampPrivateKey(privateKey);
  const a = scalarFromBytes(key);
  const publicPoint = Point.BASE.multiply(a).toBytes();
  const z = draw(random, 64);
  const r = scalarFromBytes(sha512(concat(NONCE_PREFIX, key, message, z)));
  const R = Point.BASE.multiply(r).toBytes();
  const h = scalarFromBytes(sha512(concat(R, publicPoint, message)));
  const signature = concat(R, scalarToBytes(Point.Fn.add(Point.Fn.mul(h, a), r)));
  signature[63] = ((signature[63] ?? 0) & 0x7f) | ((publicPoint[31] ?? 0) & 0x80);
  wipe(key);
  return signature;
}

/**
 * Whether `signature` (64 bytes) of `message` was made with the private half of `publicKey` (33 bytes).
 * Byte-compatible with the official verifier: cofactorless, S is reduced mod L, R is never decoded.
 * @throws CryptoError `bad-key` when the public key cannot be parsed
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const u = rawPublicKey(parsePublicKey(publicKey));
  if (signature.length !== SIGNATURE_LENGTH) return false;
  const lastByte = signature[63] ?? 0;
  const A = edwardsFromMontgomery(u, lastByte >= 0x80 ? 1 : 0);
  if (A === null) return false;
  const sBytes = signature.slice(32);
  sBytes[31] = lastByte & 0x7f;
  if ((lastByte & 0x60) !== 0) return false;
  const R = signature.subarray(0, 32);
  const h = scalarFromBytes(sha512(concat(R, A.toBytes(), message)));
  const expected = Point.BASE.multiplyUnsafe(scalarFromBytes(sBytes)).subtract(A.multiplyUnsafe(h));
  return equalBytes(expected.toBytes(), R);
}

const ALTERNATE_IDENTITY_PREFIX = concat(new Uint8Array(32).fill(0xff), ascii('Signal_PNI_Signature'));

/** The message that an alternate identity signs to say that `otherIdentityKey` (33 bytes) is the same person's. */
export function alternateIdentityMessage(otherIdentityKey: Uint8Array): Uint8Array {
  return concat(ALTERNATE_IDENTITY_PREFIX, parsePublicKey(otherIdentityKey));
}
