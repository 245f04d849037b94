/**
 * Incremental ML-KEM-768 (spqr.md 4): FIPS 203 ML-KEM-768, with the encapsulation key cut into a 64-byte header and a
 * 1152-byte vector, and the ciphertext cut into ct1, which needs the header only, and ct2.
 */
import { sha3_256, sha3_512, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

import {
  addPolynomial,
  addProduct,
  encodeCompressed10,
  inverseNtt,
  isReduced12,
  N,
  ntt,
  type Polynomial,
  sampleCbd2,
  sampleNtt,
} from './ml-kem-ring.js';

/** d || z of FIPS 203: all of a key pair. */
export const SEED_BYTES = 64;
/** The randomness m of an encapsulation. */
export const ENCAPSULATION_SEED_BYTES = 32;
/** rho (32) || SHA3-256 of the encapsulation key (32). */
export const HEADER_BYTES = 64;
export const VECTOR_BYTES = 1152;
export const CT1_BYTES = 960;
export const CT2_BYTES = 128;

/** Rank of the module. */
const K = 3;
const RHO_BYTES = 32;
const CBD2_BYTES = 128;

export interface EncapsulationKey {
  /** 64 bytes. */
  readonly header: Uint8Array;
  /** 1152 bytes. */
  readonly vector: Uint8Array;
}

/** The public half of the key pair that `seed` (64 bytes) stands for. */
export function encapsulationKey(seed: Uint8Array): EncapsulationKey {
  const { publicKey, secretKey } = ml_kem768.keygen(seed);
  secretKey.fill(0);
  const header = new Uint8Array(HEADER_BYTES);
  header.set(publicKey.subarray(VECTOR_BYTES));
  header.set(sha3_256(publicKey), RHO_BYTES);
  return { header, vector: publicKey.slice(0, VECTOR_BYTES) };
}

/** The shared secret (32 bytes) of a ciphertext (960 and 128 bytes), for the key pair of `seed` (64 bytes). */
export function decapsulate(seed: Uint8Array, ct1: Uint8Array, ct2: Uint8Array): Uint8Array {
  const { secretKey } = ml_kem768.keygen(seed);
  const ciphertext = new Uint8Array(CT1_BYTES + CT2_BYTES);
  ciphertext.set(ct1);
  ciphertext.set(ct2, CT1_BYTES);
  const sharedSecret = ml_kem768.decapsulate(ciphertext, secretKey);
  secretKey.fill(0);
  return sharedSecret;
}

/**
 * First half of an encapsulation, from the header alone.
 *
 * @param header 64 bytes
 * @param m 32 random bytes, as secret as the shared secret; the second half needs them again
 * @returns ct1 (960 bytes) and the shared secret (32 bytes)
 */
export function encapsulateFirst(header: Uint8Array, m: Uint8Array): { ct1: Uint8Array; sharedSecret: Uint8Array } {
  const rho = header.subarray(0, RHO_BYTES);
  const keyHash = header.subarray(RHO_BYTES);
  const secrets = sha3_512.create().update(m).update(keyHash).digest();
  const r = secrets.subarray(32);
  const y = Array.from({ length: K }, (_, i) => ntt(noise(r, i)));
  const ct1 = new Uint8Array(CT1_BYTES);
  for (let i = 0; i < K; i++) {
    const u = inverseNtt(rowProduct(rho, i, y));
    addPolynomial(u, noise(r, K + i));
    encodeCompressed10(u, ct1, (i * CT1_BYTES) / K);
  }
  for (const polynomial of y) polynomial.fill(0);
  const sharedSecret = secrets.slice(0, 32);
  secrets.fill(0);
  return { ct1, sharedSecret };
}

/**
 * Second half: ct2 (128 bytes) for the same `m`, once the vector (1152 bytes) has come and `isGenuineVector` said yes.
 * The one-shot encapsulation computes ct1 again, so nothing but m must be kept between the halves.
 */
export function encapsulateSecond(header: Uint8Array, vector: Uint8Array, m: Uint8Array): Uint8Array {
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKeyOf(header, vector), m);
  sharedSecret.fill(0);
  return cipherText.slice(CT1_BYTES);
}

/** True if `vector` (1152 bytes) is the one that `header` (64 bytes) announced, and encodes numbers below q. */
export function isGenuineVector(header: Uint8Array, vector: Uint8Array): boolean {
  // Both sides of this comparison are public, so it need not take constant time.
  const keyHash = sha3_256(publicKeyOf(header, vector));
  return keyHash.every((byte, i) => byte === header[RHO_BYTES + i]) && isReduced12(vector);
}

function publicKeyOf(header: Uint8Array, vector: Uint8Array): Uint8Array {
  const publicKey = new Uint8Array(VECTOR_BYTES + RHO_BYTES);
  publicKey.set(vector);
  publicKey.set(header.subarray(0, RHO_BYTES), VECTOR_BYTES);
  return publicKey;
}

/** CBD2 of SHAKE256(r || index): y and e1 of FIPS 203 algorithm 14. */
function noise(r: Uint8Array, index: number): Polynomial {
  const bytes = shake256.create({ dkLen: CBD2_BYTES }).update(r).update(Uint8Array.of(index)).digest();
  return sampleCbd2(bytes);
}

/** Row i of A^T times y, in NTT form. */
function rowProduct(rho: Uint8Array, i: number, y: readonly Polynomial[]): Polynomial {
  const sum = new Uint16Array(N);
  const seed = new Uint8Array(RHO_BYTES + 2);
  seed.set(rho);
  for (const [j, factor] of y.entries()) {
    seed[RHO_BYTES] = i;
    seed[RHO_BYTES + 1] = j;
    addProduct(sum, sampleNtt(seed), factor);
  }
  return sum;
}
