/** Responder: receiving a PreKey message (handshake.md §5). */
import { CryptoError, hasCode } from '../errors.js';
import { DEFAULT_POLICY, type HandshakePolicy } from '../handshake/policy.js';
import { parsePreKeyMessage, type PreKeyMessage } from '../handshake/pre-key-message.js';
import { responderSecrets, type HandshakeSecrets } from '../handshake/pqxdh.js';
import { decapsulate, type KemKeyPair } from '../kem/kyber1024.js';
import { isSameAccount, ownEnd, type LocalParty, type ProtocolAddress } from '../keys/address.js';
import { isCanonicalPublicKey } from '../keys/canonical.js';
import type { KeyPair } from '../keys/curve25519.js';
import { equalBytes } from '../primitives/constant-time.js';
import type { RandomBytes } from '../primitives/random.js';
import { acceptRatchet } from '../ratchet/double-ratchet.js';
import { startPqRatchet } from '../ratchet/pq-ratchet.js';
import { collapseFailure } from './decrypt-message.js';
import { withDefaults, type SessionLimits } from './limits.js';
import { decryptWithSession } from './message-cipher.js';
import { Precomputed } from './precomputed.js';
import { findSession, promoteSession, type SessionRecord } from './session-record.js';
import { sessionId, type SessionState } from './session-state.js';

/** Private prekeys that the message names, loaded by the caller after `readPreKeyMessage`. */
export interface PrivatePreKeys {
  readonly signed?: { readonly id: number; readonly keyPair: KeyPair } | undefined;
  readonly kem?: { readonly id: number; readonly keyPair: KemKeyPair } | undefined;
  readonly oneTime?: { readonly id: number; readonly keyPair: KeyPair } | undefined;
}

export interface DecryptPreKeyMessageInput {
  readonly record: SessionRecord;
  readonly local: LocalParty;
  readonly remote: ProtocolAddress;
  readonly bytes: Uint8Array;
  readonly preKeys: PrivatePreKeys;
  readonly random: RandomBytes;
  readonly limits?: Partial<SessionLimits> | undefined;
  readonly policy?: HandshakePolicy | undefined;
  /** From `precomputePreKeyMessage`. */
  readonly precomputed?: Precomputed | undefined;
}

/**
 * Prekeys that a new session used up. In the transaction that stores the record, delete the one-time prekey and a one-
 * time KEM prekey; of a last-resort KEM prekey remember (KEM id, signed prekey id, base key) and refuse a repeat.
 */
export interface UsedPreKeys {
  readonly signedPreKeyId: number;
  readonly kemPreKeyId?: number | undefined;
  readonly oneTimePreKeyId?: number | undefined;
  readonly baseKey: Uint8Array;
}

export interface DecryptPreKeyMessageOutput {
  readonly record: SessionRecord;
  readonly plaintext: Uint8Array;
  /** Identity key (33 bytes) of the sender, authenticated: check trust before storing anything. */
  readonly identityKey: Uint8Array;
  /** Whether this message made a new session; false for a repeat of the handshake in a later message. */
  readonly created: boolean;
  /** Null unless `created`. */
  readonly used: UsedPreKeys | null;
}

/**
 * Decrypts a `prekey` message, making the session if its handshake is new. Private prekeys are needed only then.
 * @throws CryptoError `duplicate-message`, `invalid-message`, `prekey-missing`, `unsupported-handshake`, or the parsing
 *   errors `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf`. The record passed in stays valid.
 */
export function decryptPreKeyMessage(input: DecryptPreKeyMessageInput): DecryptPreKeyMessageOutput {
  const { record, local, remote, random, precomputed = Precomputed.none } = input;
  const message = parsePreKeyMessage(input.bytes);
  const limits = withDefaults(input.limits);
  const known = findSession(record, message.version, message.baseKey);
  const session = known ?? acceptSession(input, message);
  checkMatches(session, message);
  try {
    const { agreements } = precomputed;
    const context = { local, remote, limits, agreements, freshKeyPair: () => precomputed.freshKeyPair(random) };
    const { session: next, plaintext } = decryptWithSession(session, message.inner, context);
    const isCurrent = known !== undefined && known === record.current;
    return {
      record: isCurrent ? { ...record, current: next } : promoteSession(record, next, limits, known),
      plaintext,
      identityKey: next.remoteIdentityKey,
      created: known === undefined,
      used: known === undefined ? usedPreKeys(message) : null,
    };
  } catch (error) {
    throw collapseFailure(error, 'PreKey message');
  }
}

/** The outer fields are not authenticated by themselves, so they must agree with what the session's MACs cover. */
function checkMatches(session: SessionState, message: PreKeyMessage): void {
  if (!equalBytes(session.remoteIdentityKey, message.identityKey)) {
    throw new CryptoError('invalid-message', 'PreKey message names another identity than its session');
  }
  if (message.inner.version !== session.version) {
    throw new CryptoError('invalid-message', 'PreKey message wraps a message of another version');
  }
}

function usedPreKeys(message: PreKeyMessage): UsedPreKeys {
  return {
    signedPreKeyId: message.signedPreKeyId,
    baseKey: message.baseKey,
    ...(message.kem === null ? {} : { kemPreKeyId: message.kem.id }),
    ...(message.oneTimePreKeyId === null ? {} : { oneTimePreKeyId: message.oneTimePreKeyId }),
  };
}

function acceptSession(input: DecryptPreKeyMessageInput, message: PreKeyMessage): SessionState {
  const { local, remote } = input;
  const policy = input.policy ?? DEFAULT_POLICY;
  if (message.version === 3 && !policy.allowX3dh) {
    throw new CryptoError('unsupported-handshake', 'X3DH is no longer supported');
  }
  const signed = required(input.preKeys.signed, message.signedPreKeyId, 'signed');
  const secrets = deriveSecrets(input, message, signed);
  return {
    id: sessionId(message.baseKey),
    version: message.version,
    baseKey: message.baseKey,
    localIdentityKey: local.identityKeyPair.publicKey,
    remoteIdentityKey: message.identityKey,
    localRegistrationId: local.registrationId,
    remoteRegistrationId: message.registrationId,
    ratchet: acceptRatchet(secrets.rootKey, { key: secrets.chainKey, index: 0 }, signed),
    pq: startPqRatchet({
      policy: policy.pqRatchet,
      authKey: secrets.pqAuthKey,
      role: 'responder',
      sameAccount: isSameAccount(ownEnd(local), { identityKey: message.identityKey, address: remote }),
      limits: withDefaults(input.limits),
    }),
    pending: null,
  };
}

function deriveSecrets(
  { local, preKeys, precomputed }: DecryptPreKeyMessageInput,
  message: PreKeyMessage,
  signedPreKey: KeyPair,
): HandshakeSecrets {
  const { oneTimePreKeyId } = message;
  const kemKeys = message.kem === null ? null : required(preKeys.kem, message.kem.id, 'KEM');
  const oneTimePreKey = oneTimePreKeyId === null ? null : required(preKeys.oneTime, oneTimePreKeyId, 'one-time');
  if (!isCanonicalPublicKey(message.baseKey)) {
    throw new CryptoError('invalid-message', 'incoming base key is invalid');
  }
  try {
    return responderSecrets({
      identity: local.identityKeyPair,
      signedPreKey,
      oneTimePreKey,
      theirIdentityKey: message.identityKey,
      theirBaseKey: message.baseKey,
      kemSecret:
        message.kem === null || kemKeys === null ? null : decapsulate(message.kem.ciphertext, kemKeys.secretKey),
      agreements: precomputed?.agreements,
    });
  } catch (cause) {
    if (!hasCode(cause, 'bad-key')) throw cause;
    throw new CryptoError('invalid-message', 'PreKey message: key agreement failed', { cause });
  }
}

function required<Keys>(
  preKey: { readonly id: number; readonly keyPair: Keys } | undefined,
  id: number,
  kind: string,
): Keys {
  if (preKey === undefined || preKey.id !== id) {
    throw new CryptoError('prekey-missing', `${kind} prekey ${id} was not passed`);
  }
  return preKey.keyPair;
}
