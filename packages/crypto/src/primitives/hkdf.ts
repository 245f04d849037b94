import { emptyHmacKey, expandDigest, expandKey, macInto, wipeHmac } from './hmac.js';
import { writeDigest } from './sha256.js';
import { ZEROS_32 } from './bytes.js';

const DIGEST_LENGTH = 32;

/** The default salt is expanded once, not at every call. */
const defaultSalt = emptyHmacKey();
expandKey(defaultSalt, ZEROS_32);

const key = emptyHmacKey();
const digest = new Int32Array(8);
const counter = new Uint8Array(1);

/**
 * HKDF-SHA-256 (RFC 5869), extract then expand.
 * @param salt `null` stands for the RFC's default, 32 zero bytes
 * @param length output bytes, at most 8160
 */
export function hkdf(salt: Uint8Array | null, ikm: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (salt !== null) expandKey(key, salt);
  macInto(digest, salt === null ? defaultSalt : key, [ikm]);
  expandDigest(key, digest);
  const okm = new Uint8Array(Math.ceil(length / DIGEST_LENGTH) * DIGEST_LENGTH);
  for (let i = 0; i * DIGEST_LENGTH < length; i++) {
    counter[0] = i + 1;
    const previous = okm.subarray(Math.max(0, i - 1) * DIGEST_LENGTH, i * DIGEST_LENGTH);
    macInto(digest, key, [previous, info, counter]);
    writeDigest(digest, okm, i * DIGEST_LENGTH);
  }
  wipeHmac(key, digest);
  return okm.length === length ? okm : okm.slice(0, length);
}
