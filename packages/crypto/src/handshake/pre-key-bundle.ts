/** What the initiator fetches about one device (keys-and-signatures.md §4). */
import { CryptoError } from '../errors.js';
import { checkKemPublicKey } from '../kem/kyber1024.js';
import { parsePublicKey } from '../keys/curve25519.js';
import { verifyOrLookUp, type SignatureVerdict } from '../keys/signature-verdict.js';

/** Public key, its id and the identity key's XEdDSA signature (64 bytes) over the serialized key. */
export interface SignedPublicPreKey {
  readonly id: number;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export interface PreKeyBundle {
  readonly registrationId: number;
  readonly deviceId: number;
  /** 33 bytes */
  readonly identityKey: Uint8Array;
  /** public key 33 bytes */
  readonly signedPreKey: SignedPublicPreKey;
  /** public key 1569 bytes; may only be absent under a policy that allows X3DH */
  readonly kemPreKey?: SignedPublicPreKey | undefined;
  /** public key 33 bytes, unsigned */
  readonly oneTimePreKey?: { readonly id: number; readonly publicKey: Uint8Array } | undefined;
}

/**
 * Checks every key and both signatures before any computation; returns the bundle with exact-length keys.
 * @throws CryptoError `bad-key`, `bad-signature`
 */
export function checkBundle(bundle: PreKeyBundle, verdicts: readonly SignatureVerdict[] = []): PreKeyBundle {
  const identityKey = parsePublicKey(bundle.identityKey);
  const signedPreKey = { ...bundle.signedPreKey, publicKey: parsePublicKey(bundle.signedPreKey.publicKey) };
  if (bundle.kemPreKey !== undefined) checkKemPublicKey(bundle.kemPreKey.publicKey);
  for (const preKey of [signedPreKey, bundle.kemPreKey]) {
    if (preKey === undefined) continue;
    if (!verifyOrLookUp(identityKey, preKey.publicKey, preKey.signature, verdicts)) {
      throw new CryptoError('bad-signature', 'prekey signature validation failed');
    }
  }
  if (bundle.oneTimePreKey === undefined) return { ...bundle, identityKey, signedPreKey };
  const oneTimePreKey = { ...bundle.oneTimePreKey, publicKey: parsePublicKey(bundle.oneTimePreKey.publicKey) };
  return { ...bundle, identityKey, signedPreKey, oneTimePreKey };
}
