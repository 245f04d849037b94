import { sha512 } from '@noble/hashes/sha2.js';

import { keyPairFromPrivate } from '../keys/curve25519.js';
import { Point, scalarFromBytes } from '../keys/edwards.js';
import { ascii, wipe } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import type { SigningKey } from './sender-key-record.js';

const INFO = ascii('WhisperGroup');
const SEED_BYTES = 32;

/** Keys of one group message (sender-keys.md 2). There is no MAC key: authenticity is the signature. */
export interface GroupMessageKeys {
  /** 16 bytes. */
  readonly iv: Uint8Array;
  /** 32 bytes. */
  readonly cipherKey: Uint8Array;
}

/** @param seed 32 bytes, wiped */
export function groupMessageKeys(seed: Uint8Array): GroupMessageKeys {
  const okm = hkdf(null, seed, INFO, 48);
  wipe(seed);
  return { iv: okm.subarray(0, 16), cipherKey: okm.subarray(16) };
}

/** A signature pair made from an Ed25519 seed (RFC 8032 §5.1.5), so that WebCrypto can sign with it too. */
export function generateSigningKey(random: RandomBytes): { signing: SigningKey; publicKey: Uint8Array } {
  const seed = Uint8Array.from(draw(random, SEED_BYTES));
  const expanded = sha512(seed);
  const { publicKey, privateKey } = keyPairFromPrivate(expanded.subarray(0, 32));
  wipe(expanded);
  const edwardsKey = Point.BASE.multiply(scalarFromBytes(privateKey)).toBytes();
  return { signing: { privateKey, ed25519: { seed, publicKey: edwardsKey } }, publicKey };
}
