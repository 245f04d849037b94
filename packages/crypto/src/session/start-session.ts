/** Initiator: builds a session from a prekey bundle (handshake.md §2). */
import { CryptoError } from '../errors.js';
import { DEFAULT_POLICY, type HandshakePolicy } from '../handshake/policy.js';
import { checkBundle, type PreKeyBundle } from '../handshake/pre-key-bundle.js';
import { initiatorSecrets } from '../handshake/pqxdh.js';
import { encapsulate } from '../kem/kyber1024.js';
import { checkAddress, isSameAccount, ownEnd, type LocalParty, type ProtocolAddress } from '../keys/address.js';
import { wipe } from '../primitives/bytes.js';
import type { RandomBytes } from '../primitives/random.js';
import { initiateRatchet } from '../ratchet/double-ratchet.js';
import { startPqRatchet } from '../ratchet/pq-ratchet.js';
import { withDefaults, type SessionLimits } from './limits.js';
import { Precomputed } from './precomputed.js';
import { promoteSession, type SessionRecord } from './session-record.js';
import { sessionId, type SessionState } from './session-state.js';

export interface StartSessionInput {
  readonly record: SessionRecord;
  readonly local: LocalParty;
  readonly remote: ProtocolAddress;
  readonly bundle: PreKeyBundle;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: RandomBytes;
  readonly policy?: HandshakePolicy | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** From `precomputeStart`. */
  readonly precomputed?: Precomputed | undefined;
}

/**
 * Makes a new current session, archiving the present one. Whether the bundle's identity key is trusted is for the
 * caller to decide before.
 * @throws CryptoError `bad-signature`, `bad-key`, `unsupported-handshake` for a bundle without KEM prekey, `invalid-
 *   argument` when the bundle is of another device
 */
export function startSession(input: StartSessionInput): { record: SessionRecord } {
  const { record, remote } = input;
  checkAddress(remote);
  checkAddress(input.local.address);
  if (input.bundle.deviceId !== remote.deviceId) {
    throw new CryptoError('invalid-argument', 'the bundle belongs to another device');
  }
  const policy = input.policy ?? DEFAULT_POLICY;
  const bundle = checkBundle(input.bundle, input.precomputed?.verdicts);
  if (bundle.kemPreKey === undefined && !policy.allowX3dh) {
    throw new CryptoError('unsupported-handshake', 'the bundle has no KEM prekey');
  }
  const limits = withDefaults(input.limits);
  return { record: promoteSession(record, initiate(input, bundle, policy, limits), limits) };
}

function initiate(
  { local, remote, now, random, precomputed = Precomputed.none }: StartSessionInput,
  bundle: PreKeyBundle,
  policy: HandshakePolicy,
  limits: SessionLimits,
): SessionState {
  const { identityKey, signedPreKey, kemPreKey, oneTimePreKey } = bundle;
  const { agreements } = precomputed;
  const baseKey = precomputed.freshKeyPair(random);
  const kem = kemPreKey === undefined ? null : encapsulate(kemPreKey.publicKey, random);
  const secrets = initiatorSecrets({
    identity: local.identityKeyPair,
    baseKey,
    theirIdentityKey: identityKey,
    theirSignedPreKey: signedPreKey.publicKey,
    theirOneTimePreKey: oneTimePreKey?.publicKey ?? null,
    kemSecret: kem?.sharedSecret ?? null,
    agreements,
  });
  wipe(baseKey.privateKey);
  const ratchet = initiateRatchet({
    rootKey: secrets.rootKey,
    chainKey: { key: secrets.chainKey, index: 0 },
    signedPreKey: signedPreKey.publicKey,
    ratchetKeyPair: precomputed.freshKeyPair(random),
    agreements,
  });
  return {
    id: sessionId(baseKey.publicKey),
    version: kem === null ? 3 : 4,
    baseKey: baseKey.publicKey,
    localIdentityKey: local.identityKeyPair.publicKey,
    remoteIdentityKey: identityKey,
    localRegistrationId: local.registrationId,
    remoteRegistrationId: bundle.registrationId,
    ratchet,
    pq: startPqRatchet({
      policy: policy.pqRatchet,
      authKey: secrets.pqAuthKey,
      role: 'initiator',
      sameAccount: isSameAccount(ownEnd(local), { identityKey, address: remote }),
      limits,
    }),
    pending: {
      oneTimePreKeyId: oneTimePreKey?.id ?? null,
      signedPreKeyId: signedPreKey.id,
      kem: kem === null || kemPreKey === undefined ? null : { id: kemPreKey.id, ciphertext: kem.ciphertext },
      createdAt: Math.floor(now / 1000),
    },
  };
}
