/**
 * Kyber1024 (round 3) made from ML-KEM-1024 (keys-and-signatures.md §3). Keys and ciphertexts are serialized with the
 * type byte 0x08: public key 1569, secret key 3169, ciphertext 1569 bytes. The shared secret has 32 bytes.
 */
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { CryptoError } from '../errors.js';
import { concat, wipe } from '../primitives/bytes.js';
import { draw, type RandomBytes } from '../primitives/random.js';

const KYBER1024_TYPE = Uint8Array.of(0x08);
export const KEM_PUBLIC_KEY_LENGTH = 1569;
export const KEM_SECRET_KEY_LENGTH = 3169;
export const KEM_CIPHERTEXT_LENGTH = 1569;

/** `publicKey` 1569 bytes, `secretKey` 3169 bytes, both with their type byte. */
export interface KemKeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

function withoutType(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes[0] !== KYBER1024_TYPE[0]) throw new CryptoError('bad-key', `bad KEM key type of ${what}`);
  if (bytes.length !== length) throw new CryptoError('bad-key', `bad KEM key length of ${what}`);
  return bytes.subarray(1);
}

/** @throws CryptoError `bad-key` unless `bytes` is a serialized Kyber1024 public key */
export function checkKemPublicKey(bytes: Uint8Array): void {
  withoutType(bytes, KEM_PUBLIC_KEY_LENGTH, 'public key');
}

/** @throws CryptoError `bad-key` unless `bytes` is a serialized Kyber1024 secret key */
export function checkKemSecretKey(bytes: Uint8Array): void {
  withoutType(bytes, KEM_SECRET_KEY_LENGTH, 'secret key');
}

/** A fresh key pair from 64 random bytes. */
export function generateKemKeyPair(random: RandomBytes): KemKeyPair {
  const seed = draw(random, 64);
  const { publicKey, secretKey } = ml_kem1024.keygen(seed);
  wipe(seed);
  return { publicKey: concat(KYBER1024_TYPE, publicKey), secretKey: concat(KYBER1024_TYPE, secretKey) };
}

/** Kyber round 3 hashes the ML-KEM secret with the ciphertext once more. */
function kyberSecret(mlKemSecret: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const secret = shake256(concat(mlKemSecret, sha3_256(ciphertext)), { dkLen: 32 });
  wipe(mlKemSecret);
  return secret;
}

/**
 * Encapsulates to a serialized public key; draws 32 random bytes.
 * @throws CryptoError `bad-key` for a wrong type or length, or coefficients out of range
 */
export function encapsulate(
  publicKey: Uint8Array,
  random: RandomBytes,
): { ciphertext: Uint8Array; sharedSecret: Uint8Array } {
  const key = withoutType(publicKey, KEM_PUBLIC_KEY_LENGTH, 'public key');
  const message = sha3_256(draw(random, 32));
  try {
    const { cipherText, sharedSecret } = ml_kem1024.encapsulate(key, message);
    return { ciphertext: concat(KYBER1024_TYPE, cipherText), sharedSecret: kyberSecret(sharedSecret, cipherText) };
  } catch (cause) {
    throw new CryptoError('bad-key', 'malformed KEM public key', { cause });
  } finally {
    wipe(message);
  }
}

/**
 * The shared secret of a serialized ciphertext. A ciphertext that was not made for this key gives a pseudo-random
 * secret (implicit rejection), which fails later at the first MAC.
 * @throws CryptoError `bad-key` for a wrong type or length, or a damaged secret key
 */
export function decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const key = withoutType(secretKey, KEM_SECRET_KEY_LENGTH, 'secret key');
  const body = withoutType(ciphertext, KEM_CIPHERTEXT_LENGTH, 'ciphertext');
  try {
    return kyberSecret(ml_kem1024.decapsulate(body, key), body);
  } catch (cause) {
    throw new CryptoError('bad-key', 'damaged KEM secret key', { cause });
  }
}
