/**
 * Bytes sealed with a key: records of a vault under its master key.
 *
 * ```
 * u8 format (1) | nonce 24 | XChaCha20-Poly1305 ciphertext || tag 16
 * ```
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';

import { CryptoError } from '../errors.js';
import { concat, NO_BYTES } from '../primitives/bytes.js';
import { draw, type RandomBytes } from '../primitives/random.js';

export const SEALING_KEY_BYTES = 32;
/** Long enough to be drawn at random for as many records as there will ever be. */
export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;
const FORMAT = 1;

/** A fresh key, 32 bytes. */
export function generateSealingKey(random: RandomBytes): Uint8Array {
  return Uint8Array.from(draw(random, SEALING_KEY_BYTES));
}

export interface SealWithKeyInput {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly plaintext: Uint8Array;
  /** What the bytes are, for instance table and row: they open only under the same name. Default: none. */
  readonly context?: Uint8Array;
  /** Asked for 24 bytes. */
  readonly random: RandomBytes;
}

/** 41 bytes longer than the plaintext. */
export function sealWithKey({ key, plaintext, context = NO_BYTES, random }: SealWithKeyInput): Uint8Array {
  const nonce = draw(random, NONCE_BYTES);
  const cipher = xchacha20poly1305(checkKey(key), nonce, context);
  return concat(Uint8Array.of(FORMAT), nonce, cipher.encrypt(plaintext));
}

/** @throws CryptoError `corrupt-record` for another key or context, or altered bytes; `unrecognized-version` */
export function openWithKey(
  input: Omit<SealWithKeyInput, 'plaintext' | 'random'> & { readonly sealed: Uint8Array },
): Uint8Array {
  const { key, sealed, context = NO_BYTES } = input;
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES) throw new CryptoError('corrupt-record', 'sealed bytes too short');
  if (sealed[0] !== FORMAT) throw new CryptoError('unrecognized-version', 'unknown format of sealed bytes');
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const cipher = xchacha20poly1305(checkKey(key), nonce, context);
  try {
    return cipher.decrypt(sealed.subarray(1 + NONCE_BYTES));
  } catch {
    throw new CryptoError('corrupt-record', 'sealed bytes do not open');
  }
}

function checkKey(key: Uint8Array): Uint8Array {
  if (key.length !== SEALING_KEY_BYTES) throw new CryptoError('invalid-argument', 'a sealing key has 32 bytes');
  return key;
}
