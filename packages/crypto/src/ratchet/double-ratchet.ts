/**
 * The Double Ratchet (double-ratchet.md §2, §5, §6): state in, state out.
 *
 *   sending    S = seed(CKs);  CKs = next(CKs)
 *   receiving  a ratchet key not seen before makes a DH step:
 *                (RK', CKr)  = KDF_RK(RK, DH(own ratchet private, their new ratchet key))
 *                (RK'', CKs) = KDF_RK(RK', DH(new own ratchet private, their new ratchet key))
 */
import { CryptoError } from '../errors.js';
import { agreeOrLookUp, type Agreement } from '../keys/agreement.js';
import type { KeyPair } from '../keys/curve25519.js';
import { wipe } from '../primitives/bytes.js';
import { equalBytes } from '../primitives/constant-time.js';
import { MAX_CHAIN_INDEX, stepChain, type ChainKey } from './chain-key.js';
import { newReceiverChain, takeSeed, type ReceiverChain } from './receiver-chain.js';
import { nextRootKey } from './root-key.js';

export interface SenderChain {
  readonly ratchetKeyPair: KeyPair;
  readonly chainKey: ChainKey;
}

export interface DoubleRatchet {
  /** 32 bytes */
  readonly rootKey: Uint8Array;
  readonly sender: SenderChain;
  /** Oldest first. */
  readonly receivers: readonly ReceiverChain[];
  /** max(0, messages sent on the chain before - 1): written into messages, never relied on (double-ratchet.md §5). */
  readonly previousCounter: number;
}

/**
 * Initiator's first step: sends under a fresh ratchet key, with the responder's signed prekey as its own. Wipes
 * `rootKey`.
 */
export function initiateRatchet(input: {
  rootKey: Uint8Array;
  chainKey: ChainKey;
  signedPreKey: Uint8Array;
  ratchetKeyPair: KeyPair;
  agreements?: readonly Agreement[] | undefined;
}): DoubleRatchet {
  const { signedPreKey, ratchetKeyPair } = input;
  const step = nextRootKey(input.rootKey, agreeOrLookUp(ratchetKeyPair, signedPreKey, input.agreements));
  wipe(input.rootKey);
  return {
    rootKey: step.rootKey,
    sender: { ratchetKeyPair, chainKey: step.chainKey },
    receivers: [newReceiverChain(signedPreKey, input.chainKey)],
    previousCounter: 0,
  };
}

/**
 * Responder's state before the first message: its ratchet key is the signed prekey, copied because states are wiped.
 */
export function acceptRatchet(rootKey: Uint8Array, chainKey: ChainKey, signedPreKeyPair: KeyPair): DoubleRatchet {
  const { publicKey, privateKey } = signedPreKeyPair;
  const ratchetKeyPair = { publicKey: publicKey.slice(), privateKey: privateKey.slice() };
  return { rootKey, sender: { ratchetKeyPair, chainKey }, receivers: [], previousCounter: 0 };
}

/**
 * The seed of the next outgoing message, and the state without it.
 * @throws CryptoError `session-not-found` after 2^32 - 1 messages without an answer
 */
export function ratchetSend(ratchet: DoubleRatchet): { ratchet: DoubleRatchet; seed: Uint8Array } {
  const { sender } = ratchet;
  if (sender.chainKey.index >= MAX_CHAIN_INDEX) throw new CryptoError('session-not-found', 'the chain is exhausted');
  const { seed, next } = stepChain(sender.chainKey);
  return { ratchet: { ...ratchet, sender: { ...sender, chainKey: next } }, seed };
}

export interface ReceiveOptions {
  readonly maxJump: number;
  readonly maxSkippedSeeds: number;
  readonly maxReceiverChains: number;
  readonly agreements?: readonly Agreement[] | undefined;
}

/** A message's seed before its MAC was checked. Only `commit` makes the new state, and only it draws randomness. */
export interface PendingReceive {
  readonly seed: Uint8Array;
  commit(freshKeyPair: () => KeyPair): DoubleRatchet;
}

export function findReceiverChain(ratchet: DoubleRatchet, ratchetKey: Uint8Array): ReceiverChain | undefined {
  return ratchet.receivers.find((chain) => equalBytes(chain.ratchetKey, ratchetKey));
}

/**
 * Finds the seed for (ratchet key, counter). A forged message costs at most one DH and the allowed jump, since the
 * second half of a DH step waits for the MAC.
 * @throws CryptoError `duplicate-message`, `invalid-message` or `bad-key`
 */
export function ratchetReceive(
  ratchet: DoubleRatchet,
  ratchetKey: Uint8Array,
  counter: number,
  options: ReceiveOptions,
): PendingReceive {
  const known = findReceiverChain(ratchet, ratchetKey);
  if (known !== undefined) {
    const { chain, seed } = takeSeed(known, counter, options.maxJump, options.maxSkippedSeeds);
    const receivers = ratchet.receivers.map((other) => (other === known ? chain : other));
    return { seed, commit: () => ({ ...ratchet, receivers }) };
  }
  const dh = agreeOrLookUp(ratchet.sender.ratchetKeyPair, ratchetKey, options.agreements);
  const step = nextRootKey(ratchet.rootKey, dh);
  const { chain, seed } = takeSeed(
    newReceiverChain(ratchetKey, step.chainKey),
    counter,
    options.maxJump,
    options.maxSkippedSeeds,
  );
  return { seed, commit: (freshKeyPair) => turnRatchet(ratchet, chain, step.rootKey, freshKeyPair(), options) };
}

/** Second half of a DH step: a fresh ratchet key pair of ours, and the sender chain that follows from it. */
function turnRatchet(
  ratchet: DoubleRatchet,
  chain: ReceiverChain,
  rootKey: Uint8Array,
  ratchetKeyPair: KeyPair,
  options: ReceiveOptions,
): DoubleRatchet {
  const step = nextRootKey(rootKey, agreeOrLookUp(ratchetKeyPair, chain.ratchetKey, options.agreements));
  wipe(rootKey);
  return {
    rootKey: step.rootKey,
    sender: { ratchetKeyPair, chainKey: step.chainKey },
    receivers: [...ratchet.receivers, chain].slice(-options.maxReceiverChains),
    previousCounter: Math.max(0, ratchet.sender.chainKey.index - 1),
  };
}
