/** What is stored per (sender address, distribution id): up to five chains of that sender, newest first (sender-keys.md 3). */
import { CryptoError } from '../errors.js';
import { equalBytes } from '../primitives/constant-time.js';
import type { ReceiverChain } from '../ratchet/receiver-chain.js';
import { NO_SKIPPED_SEEDS } from '../primitives/skipped-seeds.js';
import type { DistributionMessage } from './sender-key-message.js';

/** libsignal's limit: how many restarts of a sender stay readable. */
export const MAX_SENDER_KEY_STATES = 5;

/** The private side of a sender's signature key. */
export interface SigningKey {
  /** X25519 private key, 32 bytes. */
  readonly privateKey: Uint8Array;
  /** What the private key was made from, when it was made here; null for a key that came from elsewhere. */
  readonly ed25519: Ed25519Origin | null;
}

/**
 * With the seed WebCrypto can sign: an Ed25519 signature of the seed is an XEdDSA signature of the private key, once the sign
 * of the Edwards public key is put into its last bit.
 */
export interface Ed25519Origin {
  /** 32 bytes (RFC 8032 §5.1.5). */
  readonly seed: Uint8Array;
  /** Ed25519 public key of the seed, 32 bytes; its top bit is the sign. */
  readonly publicKey: Uint8Array;
}

export interface SenderKeyState {
  /** u32. */
  readonly chainId: number;
  /** `ratchetKey` is the sender's signature key, 33 bytes. */
  readonly chain: ReceiverChain;
  /** Only in our own states. */
  readonly signing: SigningKey | null;
}

export interface SenderKeyRecord {
  readonly states: readonly SenderKeyState[];
}

export const emptySenderKeyRecord: SenderKeyRecord = { states: [] };

/** The chain that a sender hands out. */
export function stateOf({ chainId, iteration, chainKey, signatureKey }: DistributionMessage): SenderKeyState {
  const chain = {
    ratchetKey: signatureKey,
    chainKey: { key: chainKey, index: iteration },
    skipped: NO_SKIPPED_SEEDS,
  };
  return { chainId, chain, signing: null };
}

/** Adds a chain at the front; a chain that is already there keeps its progress, and one with only the same id is replaced. */
export function addState(record: SenderKeyRecord, state: SenderKeyState): SenderKeyRecord {
  const same = record.states.find((held) => held.chainId === state.chainId && hasSameSigner(held, state));
  const others = record.states.filter((held) => held.chainId !== state.chainId);
  return { states: [same ?? state, ...others.slice(0, MAX_SENDER_KEY_STATES - 1)] };
}

function hasSameSigner(a: SenderKeyState, b: SenderKeyState): boolean {
  return equalBytes(a.chain.ratchetKey, b.chain.ratchetKey);
}

/** @throws CryptoError `session-not-found` when no chain of the sender has this id */
export function findState(record: SenderKeyRecord, chainId: number): SenderKeyState {
  const state = record.states.find((held) => held.chainId === chainId);
  if (state === undefined) throw new CryptoError('session-not-found', 'no sender key state for this message');
  return state;
}

export function replaceState(record: SenderKeyRecord, changed: SenderKeyState): SenderKeyRecord {
  return { states: record.states.map((held) => (held.chainId === changed.chainId ? changed : held)) };
}
