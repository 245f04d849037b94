/** The Braid's authenticator (spqr.md 6): it ties every epoch's key and ciphertext to all epochs before it. */
import { concat, u64be, ZEROS_32 } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';
import { hmacSha256 } from '../primitives/hmac.js';
import { AUTHENTICATOR_UPDATE, CIPHERTEXT_MAC, EPOCH_SECRET, HEADER_MAC } from './labels.js';

/** Bytes of a MAC; it is sent untruncated. */
export const MAC_BYTES = 32;

export interface Authenticator {
  /** 32 bytes. */
  readonly rootKey: Uint8Array;
  /** 32 bytes. */
  readonly macKey: Uint8Array;
}

/** The authenticator of epoch 1. @param authKey 32 bytes, PQK of the handshake */
export function startAuthenticator(authKey: Uint8Array): Authenticator {
  return updateAuthenticator({ rootKey: ZEROS_32, macKey: ZEROS_32 }, 1, authKey);
}

/** Mixes in the secret of an epoch (32 bytes). */
export function updateAuthenticator({ rootKey }: Authenticator, epoch: number, secret: Uint8Array): Authenticator {
  const okm = hkdf(null, concat(rootKey, secret), concat(AUTHENTICATOR_UPDATE, u64be(epoch)), 64);
  return { rootKey: okm.subarray(0, 32), macKey: okm.subarray(32) };
}

/** MAC of the key owner's header (64 bytes), under the key left by the epoch before. */
export function macHeader({ macKey }: Authenticator, epoch: number, header: Uint8Array): Uint8Array {
  return hmacSha256(macKey, HEADER_MAC, u64be(epoch), header);
}

/** MAC of the encapsulator's ct1 (960 bytes) and ct2 (128 bytes), under the key that this epoch's secret gave. */
export function macCiphertext({ macKey }: Authenticator, epoch: number, ct1: Uint8Array, ct2: Uint8Array): Uint8Array {
  return hmacSha256(macKey, CIPHERTEXT_MAC, u64be(epoch), ct1, ct2);
}

/** What an epoch's ML-KEM shared secret (32 bytes) becomes before anything else uses it; 32 bytes. */
export function epochSecret(epoch: number, sharedSecret: Uint8Array): Uint8Array {
  return hkdf(null, sharedSecret, concat(EPOCH_SECRET, u64be(epoch)), 32);
}
