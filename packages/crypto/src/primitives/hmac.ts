/**
 * HMAC-SHA-256 (RFC 2104). Expanded keys and digests are words in caller-owned scratch, so that HKDF can chain them.
 */
import { hashInto, INITIAL_STATE, startWithPad, wipeScratch, writeDigest, type HashState } from './sha256.js';

const BLOCK_LENGTH = 64;
const DIGEST_LENGTH = 32;

/** Hash states after the inner and the outer pad: an expanded key, as secret as the key. */
export interface HmacKey {
  readonly inner: HashState;
  readonly outer: HashState;
}

export function emptyHmacKey(): HmacKey {
  return { inner: new Int32Array(8), outer: new Int32Array(8) };
}

const keyWords = new Int32Array(16);
const innerDigest = new Uint8Array(DIGEST_LENGTH);
const scratchKey = emptyHmacKey();
const scratchDigest: HashState = new Int32Array(8);

/** Expands a key of any length into `target`. */
export function expandKey(target: HmacKey, key: Uint8Array): void {
  keyWords.fill(0);
  if (key.length > BLOCK_LENGTH) {
    target.inner.set(INITIAL_STATE);
    hashInto(target.inner, 0, [key]);
    keyWords.set(target.inner);
  } else {
    for (let i = 0; i < key.length; i++) {
      const word = i >> 2;
      keyWords[word] = (keyWords[word] ?? 0) | ((key[i] ?? 0) << (24 - 8 * (i & 3)));
    }
  }
  expandKeyWords(target);
}

/** Expands a key that is itself a digest. */
export function expandDigest(target: HmacKey, digest: HashState): void {
  keyWords.fill(0);
  keyWords.set(digest);
  expandKeyWords(target);
}

function expandKeyWords(target: HmacKey): void {
  startWithPad(target.inner, keyWords, 0x3636_3636);
  startWithPad(target.outer, keyWords, 0x5c5c_5c5c);
}

/** MAC of the concatenated `parts`, as the 8 words of `digest`. */
export function macInto(digest: HashState, key: HmacKey, parts: readonly Uint8Array[]): void {
  digest.set(key.inner);
  hashInto(digest, BLOCK_LENGTH, parts);
  writeDigest(digest, innerDigest, 0);
  digest.set(key.outer);
  hashInto(digest, BLOCK_LENGTH, [innerDigest]);
}

/** Forgets keys, digests and inputs of the last computation. */
export function wipeHmac(...secrets: readonly (HmacKey | HashState)[]): void {
  for (const secret of secrets) {
    if (secret instanceof Int32Array) {
      secret.fill(0);
    } else {
      secret.inner.fill(0);
      secret.outer.fill(0);
    }
  }
  keyWords.fill(0);
  innerDigest.fill(0);
  wipeScratch();
}

function macBytes(parts: readonly Uint8Array[]): Uint8Array {
  macInto(scratchDigest, scratchKey, parts);
  const digest = new Uint8Array(DIGEST_LENGTH);
  writeDigest(scratchDigest, digest, 0);
  return digest;
}

/** HMAC-SHA-256 of the concatenated `parts`; 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  expandKey(scratchKey, key);
  const digest = macBytes(parts);
  wipeHmac(scratchKey, scratchDigest);
  return digest;
}

/** Two MACs under one key, which is expanded once. */
export function hmacPair(key: Uint8Array, first: Uint8Array, second: Uint8Array): [Uint8Array, Uint8Array] {
  expandKey(scratchKey, key);
  const digests: [Uint8Array, Uint8Array] = [macBytes([first]), macBytes([second])];
  wipeHmac(scratchKey, scratchDigest);
  return digests;
}
