import { agree, CryptoError, generateKeyPair, hkdf, type KeyPair } from '@sotto/crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';

import type { RandomBytes } from './random.js';

/**
 * Bytes for the holder of one key, as what passes through the database between a tab and the engine may not lie there in the
 * clear: `ephemeral public key (33) || XChaCha20-Poly1305 under HKDF(X25519(ephemeral, recipient), "sotto box v2" || both
 * public keys)`.
 */
const LABEL = 'sotto box v2';
const PUBLIC_KEY_BYTES = 33;

/** A key seals one box and no other, so every box may have the same nonce. */
const NONCE = new Uint8Array(24);

export function sealBox(publicKey: Uint8Array, plaintext: Uint8Array, random: RandomBytes): Uint8Array {
  const ephemeral = generateKeyPair(random);
  const key = boxKey(agree(ephemeral.privateKey, publicKey), ephemeral.publicKey, publicKey);
  return concat(ephemeral.publicKey, xchacha20poly1305(key, NONCE).encrypt(plaintext));
}

/** @throws CryptoError `corrupt-record`, `bad-key` */
export function openBox({ publicKey, privateKey }: KeyPair, box: Uint8Array): Uint8Array {
  const ephemeral = box.subarray(0, PUBLIC_KEY_BYTES);
  const key = boxKey(agree(privateKey, ephemeral), ephemeral, publicKey);
  try {
    return xchacha20poly1305(key, NONCE).decrypt(box.subarray(PUBLIC_KEY_BYTES));
  } catch (cause) {
    throw new CryptoError('corrupt-record', 'the box does not open', { cause });
  }
}

function boxKey(shared: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Uint8Array {
  return hkdf(null, shared, concat(new TextEncoder().encode(LABEL), ephemeral, recipient), 32);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
