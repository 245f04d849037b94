/** Encrypts and decrypts one message with one session: Double Ratchet and post-quantum ratchet side by side. */
import { CryptoError } from '../errors.js';
import { encodeAddresses, isSameAccount, type LocalParty, type ProtocolAddress } from '../keys/address.js';
import type { Agreement } from '../keys/agreement.js';
import type { KeyPair } from '../keys/curve25519.js';
import { aesCbcDecrypt, aesCbcEncrypt } from '../primitives/aes-cbc.js';
import { wipe } from '../primitives/bytes.js';
import { equalBytes } from '../primitives/constant-time.js';
import type { RandomBytes } from '../primitives/random.js';
import { ratchetReceive, ratchetSend } from '../ratchet/double-ratchet.js';
import { deriveMessageKeys, wipeMessageKeys, type MessageKeys } from '../ratchet/message-keys.js';
import { pqReceive, pqSend, type PqRatchet } from '../ratchet/pq-ratchet.js';
import { encodeSignalMessage, isMacValid, type SignalMessage } from '../ratchet/signal-message.js';
import type { SessionLimits } from './limits.js';
import type { SessionState } from './session-state.js';

/** double-ratchet.md §5. `addresses` is the 36-byte field or null. */
export function encryptWithSession(
  session: SessionState,
  plaintext: Uint8Array,
  addresses: Uint8Array | null,
  random: RandomBytes,
): { session: SessionState; bytes: Uint8Array } {
  const pq = pqSend(session.pq, random);
  const { ratchet, seed } = ratchetSend(session.ratchet);
  const { sender, previousCounter } = session.ratchet;
  const keys = deriveMessageKeys(seed, pq.key);
  const fields = {
    version: session.version,
    ratchetKey: sender.ratchetKeyPair.publicKey,
    counter: sender.chainKey.index,
    previousCounter,
    ciphertext: aesCbcEncrypt(keys.cipherKey, keys.iv, plaintext),
    pqMessage: pq.message,
    addresses,
  };
  const identities = { sender: session.localIdentityKey, receiver: session.remoteIdentityKey };
  const bytes = encodeSignalMessage(fields, keys.macKey, identities);
  wipe(seed, pq.key);
  wipeMessageKeys(keys);
  return { session: { ...session, ratchet, pq: pq.state }, bytes };
}

export interface ReceiveContext {
  readonly local: LocalParty;
  readonly remote: ProtocolAddress;
  readonly limits: SessionLimits;
  readonly agreements: readonly Agreement[];
  /** Our next ratchet key pair; asked for only after the MAC was found good, and only when the DH ratchet turns. */
  readonly freshKeyPair: () => KeyPair;
}

/**
 * double-ratchet.md §6. The session passed in stays valid; a failure leaves no trace.
 * @throws CryptoError `duplicate-message`, `invalid-message` or `bad-key`
 */
export function decryptWithSession(
  session: SessionState,
  message: SignalMessage,
  context: ReceiveContext,
): { session: SessionState; plaintext: Uint8Array } {
  const { limits, agreements } = context;
  const received = ratchetReceive(session.ratchet, message.ratchetKey, message.counter, {
    maxJump: maxJump(session, context),
    maxSkippedSeeds: limits.maxSkippedSeeds,
    maxReceiverChains: limits.maxReceiverChains,
    agreements,
  });
  const { pq, keys } = receiveKeys(session, message, received.seed);
  try {
    const identities = { sender: session.remoteIdentityKey, receiver: session.localIdentityKey };
    if (!isMacValid(message, keys.macKey, identities)) throw new CryptoError('invalid-message', 'MAC mismatch');
    checkAddresses(message, context);
    const plaintext = aesCbcDecrypt(keys.cipherKey, keys.iv, message.ciphertext);
    const ratchet = received.commit(context.freshKeyPair);
    return { session: { ...session, ratchet, pq, pending: null }, plaintext };
  } finally {
    wipeMessageKeys(keys);
  }
}

/** The post-quantum ratchet's step and the message's keys. `seed` is wiped in any case. */
function receiveKeys(
  session: SessionState,
  message: SignalMessage,
  seed: Uint8Array,
): { pq: PqRatchet; keys: MessageKeys } {
  try {
    const { state, key } = pqReceive(session.pq, message.pqMessage);
    const keys = deriveMessageKeys(seed, key);
    wipe(key);
    return { pq: state, keys };
  } finally {
    wipe(seed);
  }
}

function maxJump(session: SessionState, { local, remote, limits }: ReceiveContext): number {
  const ours = { identityKey: session.localIdentityKey, address: local.address };
  const theirs = { identityKey: session.remoteIdentityKey, address: remote };
  return isSameAccount(ours, theirs) ? limits.maxSelfForwardJump : limits.maxForwardJump;
}

/** The `addresses` field binds a message to its two ends; checked after the MAC (double-ratchet.md §3). */
function checkAddresses(message: SignalMessage, { local, remote }: ReceiveContext): void {
  if (message.addresses === null) return;
  const expected = encodeAddresses(remote, local.address);
  if (expected === null || !equalBytes(expected, message.addresses)) {
    throw new CryptoError('invalid-message', 'message is addressed to someone else');
  }
}
