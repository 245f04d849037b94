/**
 * Arithmetic of the ring R_q of ML-KEM (FIPS 203 §4), as far as the first half of an incremental encapsulation needs it.
 * A polynomial is 256 coefficients in 0..q-1. No branch and no index depends on a secret.
 */
import { shake128 } from '@noble/hashes/sha3.js';

/** The modulus q. */
export const Q = 3329;
/** Coefficients of a polynomial. */
export const N = 256;

export type Polynomial = Uint16Array;

const ZETA = 17;
/** 128^-1 mod q, the last factor of the inverse NTT. */
const INVERSE_128 = 3303;
/** Bytes of one squeeze of SHAKE128. */
const SHAKE128_RATE = 168;

function bitReverse7(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 7; bit++) reversed |= ((value >> bit) & 1) << (6 - bit);
  return reversed;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = (result * base) % Q;
  return result;
}

/** zeta^BitRev7(i), i = 0..127. */
const ZETAS = Uint16Array.from({ length: 128 }, (_, i) => power(ZETA, bitReverse7(i)));
/** zeta^(2 BitRev7(i) + 1), i = 0..127. */
const GAMMAS = Uint16Array.from({ length: 128 }, (_, i) => power(ZETA, 2 * bitReverse7(i) + 1));

const at = (values: Uint16Array | Uint8Array, index: number): number => values[index] ?? 0;

/** FIPS 203 algorithm 9, in place. */
export function ntt(f: Polynomial): Polynomial {
  let k = 1;
  for (let length = 128; length >= 2; length >>= 1) {
    for (let start = 0; start < N; start += 2 * length) {
      const zeta = at(ZETAS, k++);
      for (let j = start; j < start + length; j++) {
        const t = (zeta * at(f, j + length)) % Q;
        const low = at(f, j);
        f[j + length] = (low + Q - t) % Q;
        f[j] = (low + t) % Q;
      }
    }
  }
  return f;
}

/** FIPS 203 algorithm 10, in place. */
export function inverseNtt(f: Polynomial): Polynomial {
  let k = 127;
  for (let length = 2; length <= 128; length <<= 1) {
    for (let start = 0; start < N; start += 2 * length) {
      const zeta = at(ZETAS, k--);
      for (let j = start; j < start + length; j++) {
        const low = at(f, j);
        const high = at(f, j + length);
        f[j] = (low + high) % Q;
        f[j + length] = (zeta * (high + Q - low)) % Q;
      }
    }
  }
  for (let j = 0; j < N; j++) f[j] = (at(f, j) * INVERSE_128) % Q;
  return f;
}

/** sum += a * b for polynomials in NTT form (FIPS 203 algorithms 11 and 12). */
export function addProduct(sum: Polynomial, a: Polynomial, b: Polynomial): void {
  for (let i = 0; i < N / 2; i++) {
    const [a0, a1, b0, b1] = [at(a, 2 * i), at(a, 2 * i + 1), at(b, 2 * i), at(b, 2 * i + 1)];
    sum[2 * i] = (at(sum, 2 * i) + a0 * b0 + ((a1 * b1) % Q) * at(GAMMAS, i)) % Q;
    sum[2 * i + 1] = (at(sum, 2 * i + 1) + a0 * b1 + a1 * b0) % Q;
  }
}

/** sum += a, coefficient by coefficient. */
export function addPolynomial(sum: Polynomial, a: Polynomial): void {
  for (let i = 0; i < N; i++) sum[i] = (at(sum, i) + at(a, i)) % Q;
}

/** SampleNTT (FIPS 203 algorithm 7): uniform coefficients by rejection from SHAKE128(seed). The seed is public. */
export function sampleNtt(seed: Uint8Array): Polynomial {
  const stream = shake128.create().update(seed);
  const f = new Uint16Array(N);
  let filled = 0;
  while (filled < N) {
    const block = stream.xof(SHAKE128_RATE);
    for (let i = 0; i < SHAKE128_RATE && filled < N; i += 3) {
      const [b0, b1, b2] = [at(block, i), at(block, i + 1), at(block, i + 2)];
      const d1 = b0 | ((b1 & 15) << 8);
      const d2 = (b1 >> 4) | (b2 << 4);
      if (d1 < Q) f[filled++] = d1;
      if (d2 < Q && filled < N) f[filled++] = d2;
    }
  }
  return f;
}

/** SamplePolyCBD with eta = 2 (FIPS 203 algorithm 8) from 128 bytes. */
export function sampleCbd2(bytes: Uint8Array): Polynomial {
  const f = new Uint16Array(N);
  for (let i = 0; i < N; i++) {
    const bits = at(bytes, i >> 1) >> (4 * (i & 1));
    f[i] = ((bits & 1) + ((bits >> 1) & 1) + Q - ((bits >> 2) & 1) - ((bits >> 3) & 1)) % Q;
  }
  return f;
}

/** ByteEncode10(Compress10(f)) into 320 bytes at `offset` (FIPS 203 §4.2.1). Coefficients are secret until compressed. */
export function encodeCompressed10(f: Polynomial, target: Uint8Array, offset: number): void {
  for (let i = 0, to = offset; i < N; i += 4, to += 5) {
    const [c0, c1, c2, c3] = [
      compress10(at(f, i)),
      compress10(at(f, i + 1)),
      compress10(at(f, i + 2)),
      compress10(at(f, i + 3)),
    ];
    target[to] = c0;
    target[to + 1] = (c0 >> 8) | (c1 << 2);
    target[to + 2] = (c1 >> 6) | (c2 << 4);
    target[to + 3] = (c2 >> 4) | (c3 << 6);
    target[to + 4] = c3 >> 2;
  }
}

/**
 * floor((1024 x + 1664) / 3329) mod 1024. The division is a multiplication by ceil(2^33 / 3329): a machine division takes
 * a time that depends on x ("KyberSlash"), a product of doubles does not.
 */
function compress10(x: number): number {
  return Math.floor(((x * 1024 + 1664) * 2580335) / 2 ** 33) & 1023;
}

/** True if each of the 12-bit values of an encoded vector (a multiple of 3 bytes) is below q (FIPS 203 §7.2). Public. */
export function isReduced12(encoded: Uint8Array): boolean {
  for (let i = 0; i < encoded.length; i += 3) {
    const [b0, b1, b2] = [at(encoded, i), at(encoded, i + 1), at(encoded, i + 2)];
    if ((b0 | ((b1 & 15) << 8)) >= Q || ((b1 >> 4) | (b2 << 4)) >= Q) return false;
  }
  return true;
}
