/** Sending (handshake.md §3 and §4). */
import { CryptoError } from '../errors.js';
import { encodePreKeyMessage } from '../handshake/pre-key-message.js';
import { encodeAddresses, type LocalParty, type ProtocolAddress } from '../keys/address.js';
import type { RandomBytes } from '../primitives/random.js';
import { withDefaults, type SessionLimits } from './limits.js';
import { encryptWithSession } from './message-cipher.js';
import { isStale, type SessionRecord } from './session-record.js';

/** `prekey` = type 3, `whisper` = type 2 on the wire (double-ratchet.md §8). */
export type MessageType = 'prekey' | 'whisper';

export interface EncryptedMessage {
  readonly type: MessageType;
  readonly bytes: Uint8Array;
}

export interface EncryptInput {
  readonly record: SessionRecord;
  readonly local: LocalParty;
  readonly remote: ProtocolAddress;
  readonly plaintext: Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: RandomBytes;
  readonly limits?: Partial<SessionLimits> | undefined;
}

export interface EncryptOutput {
  readonly record: SessionRecord;
  readonly message: EncryptedMessage;
  /** Identity key (33 bytes) that the message is encrypted to: check trust before sending it. */
  readonly identityKey: Uint8Array;
}

/**
 * Encrypts with the current session. Store the new record before the bytes leave, and never encrypt from the old one
 * again.
 * @throws CryptoError `session-not-found` without a current session or when it waited for an answer for over 30 days
 */
export function encrypt(input: EncryptInput): EncryptOutput {
  const { record, local, remote, plaintext, now, random } = input;
  const session = record.current;
  if (session === null) throw new CryptoError('session-not-found', 'no current session');
  if (isStale(session, now, withDefaults(input.limits))) {
    throw new CryptoError('session-not-found', 'the session was never answered');
  }
  const { pending } = session;
  const addresses = pending === null ? null : encodeAddresses(local.address, remote);
  const encrypted = encryptWithSession(session, plaintext, addresses, random);
  const message: EncryptedMessage =
    pending === null
      ? { type: 'whisper', bytes: encrypted.bytes }
      : { type: 'prekey', bytes: encodePreKeyMessage(preKeyFields(session, pending), encrypted.bytes) };
  return { record: { ...record, current: encrypted.session }, message, identityKey: session.remoteIdentityKey };
}

type Session = NonNullable<SessionRecord['current']>;

function preKeyFields(session: Session, pending: NonNullable<Session['pending']>) {
  return {
    version: session.version,
    registrationId: session.localRegistrationId,
    oneTimePreKeyId: pending.oneTimePreKeyId,
    signedPreKeyId: pending.signedPreKeyId,
    kem: pending.kem,
    baseKey: session.baseKey,
    identityKey: session.localIdentityKey,
  };
}
