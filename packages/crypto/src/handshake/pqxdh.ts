/**
 * X3DH and, with a KEM shared secret, PQXDH (handshake.md §1).
 *
 *   km = ff*32 || DH1 || DH2 || DH3 [|| DH4] [|| KEM secret]
 *   X3DH   RK0 || CK0        = HKDF(none, km, "WhisperText", 64)
 *   PQXDH  RK0 || CK0 || PQK = HKDF(none, km, "WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024", 96)
 */
import { agreeOrLookUp, type Agreement } from '../keys/agreement.js';
import type { KeyPair } from '../keys/curve25519.js';
import { ascii, concat, wipe } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';

const X3DH_INFO = ascii('WhisperText');
const PQXDH_INFO = ascii('WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024');
const DISCONTINUITY = new Uint8Array(32).fill(0xff);

/**
 * Outcome of a handshake: root key, first chain key, and with PQXDH the post-quantum ratchet's auth key; 32 bytes each.
 */
export interface HandshakeSecrets {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
  readonly pqAuthKey: Uint8Array | null;
}

export function initiatorSecrets(input: {
  identity: KeyPair;
  baseKey: KeyPair;
  theirIdentityKey: Uint8Array;
  theirSignedPreKey: Uint8Array;
  theirOneTimePreKey: Uint8Array | null;
  kemSecret: Uint8Array | null;
  agreements?: readonly Agreement[] | undefined;
}): HandshakeSecrets {
  const { identity, baseKey, theirIdentityKey, theirSignedPreKey, theirOneTimePreKey, kemSecret, agreements } = input;
  const secrets = [
    agreeOrLookUp(identity, theirSignedPreKey, agreements),
    agreeOrLookUp(baseKey, theirIdentityKey, agreements),
    agreeOrLookUp(baseKey, theirSignedPreKey, agreements),
  ];
  if (theirOneTimePreKey !== null) secrets.push(agreeOrLookUp(baseKey, theirOneTimePreKey, agreements));
  return deriveSecrets(secrets, kemSecret);
}

export function responderSecrets(input: {
  identity: KeyPair;
  signedPreKey: KeyPair;
  oneTimePreKey: KeyPair | null;
  theirIdentityKey: Uint8Array;
  theirBaseKey: Uint8Array;
  kemSecret: Uint8Array | null;
  agreements?: readonly Agreement[] | undefined;
}): HandshakeSecrets {
  const { identity, signedPreKey, oneTimePreKey, theirIdentityKey, theirBaseKey, kemSecret, agreements } = input;
  const secrets = [
    agreeOrLookUp(signedPreKey, theirIdentityKey, agreements),
    agreeOrLookUp(identity, theirBaseKey, agreements),
    agreeOrLookUp(signedPreKey, theirBaseKey, agreements),
  ];
  if (oneTimePreKey !== null) secrets.push(agreeOrLookUp(oneTimePreKey, theirBaseKey, agreements));
  return deriveSecrets(secrets, kemSecret);
}

function deriveSecrets(dhSecrets: readonly Uint8Array[], kemSecret: Uint8Array | null): HandshakeSecrets {
  const km = concat(DISCONTINUITY, ...dhSecrets, ...(kemSecret === null ? [] : [kemSecret]));
  const okm = kemSecret === null ? hkdf(null, km, X3DH_INFO, 64) : hkdf(null, km, PQXDH_INFO, 96);
  const secrets = {
    rootKey: okm.slice(0, 32),
    chainKey: okm.slice(32, 64),
    pqAuthKey: kemSecret === null ? null : okm.slice(64, 96),
  };
  wipe(km, okm, kemSecret, ...dhSecrets);
  return secrets;
}
