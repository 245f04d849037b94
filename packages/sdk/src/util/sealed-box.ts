import { agree, generateKeyPair, hkdf, type KeyPair } from '@sotto/crypto';

import type { RandomBytes } from './random.js';

/**
 * Bytes for the holder of one key, as what passes through the database between a tab and the engine may not lie there in the
 * clear: `ephemeral public key (33) || sealed with HKDF(X25519(ephemeral, recipient), "sotto box v1" || both public keys)`.
 */
const LABEL = 'sotto box v1';
const PUBLIC_KEY_BYTES = 33;

export async function sealBox(publicKey: Uint8Array, plaintext: Uint8Array, random: RandomBytes): Promise<Uint8Array> {
  const { sealWithKey } = await import('@sotto/crypto/sealing');
  const ephemeral = generateKeyPair(random);
  const key = boxKey(agree(ephemeral.privateKey, publicKey), ephemeral.publicKey, publicKey);
  return concat(ephemeral.publicKey, sealWithKey({ key, plaintext, random }));
}

/** @throws CryptoError `corrupt-record`, `bad-key` */
export async function openBox({ publicKey, privateKey }: KeyPair, box: Uint8Array): Promise<Uint8Array> {
  const { openWithKey } = await import('@sotto/crypto/sealing');
  const ephemeral = box.subarray(0, PUBLIC_KEY_BYTES);
  const key = boxKey(agree(privateKey, ephemeral), ephemeral, publicKey);
  return openWithKey({ key, sealed: box.subarray(PUBLIC_KEY_BYTES) });
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
