/**
 * Curve25519 keys and agreement (keys-and-signatures.md §1).
 *
 * A public key is `0x05 || u` (33 bytes), a private key 32 clamped bytes.
 */
import { x25519 } from '@noble/curves/ed25519.js';
import { CryptoError } from '../errors.js';
import { isAllZero } from '../primitives/constant-time.js';
import { draw, type RandomBytes } from '../primitives/random.js';

export const PUBLIC_KEY_LENGTH = 33;
export const PRIVATE_KEY_LENGTH = 32;
const DJB_TYPE = 0x05;

/** A Curve25519 key pair: `publicKey` 33 bytes with its type byte, `privateKey` 32 clamped bytes. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** Copies and clamps a 32-byte private key (RFC 7748 §5). */
export function clampPrivateKey(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== PRIVATE_KEY_LENGTH) throw new CryptoError('bad-key', 'a private key has 32 bytes');
  const key = Uint8Array.from(bytes);
  key[0] = (key[0] ?? 0) & 248;
  key[31] = ((key[31] ?? 0) & 127) | 64;
  return key;
}

/** `0x05 || u`. */
export function publicKeyFromRaw(u: Uint8Array): Uint8Array {
  const key = new Uint8Array(PUBLIC_KEY_LENGTH);
  key[0] = DJB_TYPE;
  key.set(u, 1);
  return key;
}

/** The 32-byte u-coordinate of a checked public key, as a view. */
export function rawPublicKey(publicKey: Uint8Array): Uint8Array {
  return publicKey.subarray(1, PUBLIC_KEY_LENGTH);
}

/**
 * Checks a received public key and returns exactly its 33 bytes, copied. Trailing bytes are ignored, as the official
 * library does.
 * @throws CryptoError `bad-key` on an empty or short input or another type byte
 */
export function parsePublicKey(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw new CryptoError('bad-key', 'no key type identifier');
  if (bytes[0] !== DJB_TYPE) throw new CryptoError('bad-key', 'bad key type');
  if (bytes.length < PUBLIC_KEY_LENGTH) throw new CryptoError('bad-key', 'bad key length');
  return bytes.slice(0, PUBLIC_KEY_LENGTH);
}

/**
 * The key pair of a 32-byte private key, which is clamped.
 * @throws CryptoError `bad-key` when it is not 32 bytes long
 */
export function keyPairFromPrivate(privateKey: Uint8Array): KeyPair {
  const clamped = clampPrivateKey(privateKey);
  return { publicKey: publicKeyFromRaw(x25519.scalarMultBase(clamped)), privateKey: clamped };
}

/** A fresh key pair from 32 random bytes. */
export function generateKeyPair(random: RandomBytes): KeyPair {
  return keyPairFromPrivate(draw(random, PRIVATE_KEY_LENGTH));
}

/**
 * X25519 of our private key and their public key: 32 secret bytes.
 * @throws CryptoError `bad-key` for a malformed key or a low-order point (all-zero output)
 */
export function agree(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const theirs = parsePublicKey(publicKey);
  if (privateKey.length !== PRIVATE_KEY_LENGTH) throw new CryptoError('bad-key', 'a private key has 32 bytes');
  let shared: Uint8Array;
  try {
    shared = x25519.scalarMult(privateKey, rawPublicKey(theirs));
  } catch (cause) {
    throw new CryptoError('bad-key', 'invalid key agreement', { cause });
  }
  if (isAllZero(shared)) throw new CryptoError('bad-key', 'invalid key agreement');
  return shared;
}
