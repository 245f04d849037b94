/** One chain of incoming messages: those under one ratchet key of the peer (double-ratchet.md §2, §6 step 2). */
import { CryptoError } from '../errors.js';
import { wipe } from '../primitives/bytes.js';
import { MAX_CHAIN_INDEX, nextChainKey, stepChain, type ChainKey } from './chain-key.js';
import {
  NO_SKIPPED_SEEDS,
  SkippedSeedsBuilder,
  takeSkippedSeed,
  type SkippedSeeds,
} from '../primitives/skipped-seeds.js';

export interface ReceiverChain {
  /** The peer's ratchet key, 33 bytes. */
  readonly ratchetKey: Uint8Array;
  readonly chainKey: ChainKey;
  readonly skipped: SkippedSeeds;
}

export function newReceiverChain(ratchetKey: Uint8Array, chainKey: ChainKey): ReceiverChain {
  return { ratchetKey, chainKey, skipped: NO_SKIPPED_SEEDS };
}

/**
 * The seed of message `counter`, and the chain without it. Every seed comes out once.
 * @throws CryptoError `duplicate-message` when it came out before (or was dropped as too old), `invalid-message` when
 *   more than `maxJump` messages would be skipped
 */
export function takeSeed(
  chain: ReceiverChain,
  counter: number,
  maxJump: number,
  maxSkipped: number,
): { chain: ReceiverChain; seed: Uint8Array } {
  const { index } = chain.chainKey;
  if (counter < index) return takeEarlierSeed(chain, counter);
  if (counter >= MAX_CHAIN_INDEX) throw new CryptoError('invalid-message', 'the chain is exhausted');
  if (counter - index > maxJump) {
    throw new CryptoError('invalid-message', `message ${counter - index} ahead of its chain`);
  }
  const { chainKey, skipped } = skipTo(chain, counter, maxSkipped);
  const { seed, next } = stepChain(chainKey);
  if (chainKey !== chain.chainKey) wipe(chainKey.key);
  return { chain: { ...chain, chainKey: next, skipped }, seed };
}

function takeEarlierSeed(chain: ReceiverChain, counter: number): { chain: ReceiverChain; seed: Uint8Array } {
  const taken = takeSkippedSeed(chain.skipped, counter);
  if (taken === null) {
    const { index } = chain.chainKey;
    throw new CryptoError('duplicate-message', `message with old counter ${index} / ${counter}`);
  }
  return { chain: { ...chain, skipped: taken.rest }, seed: taken.seed };
}

/** Steps the chain key to `counter`, keeping the seeds of the messages jumped over (only those that fit the limit). */
function skipTo(
  chain: ReceiverChain,
  counter: number,
  maxSkipped: number,
): { chainKey: ChainKey; skipped: SkippedSeeds } {
  let { chainKey } = chain;
  if (chainKey.index === counter) return { chainKey, skipped: chain.skipped };
  const firstKept = Math.max(chainKey.index, counter - maxSkipped);
  const skipped = new SkippedSeedsBuilder(chain.skipped, counter - firstKept, maxSkipped);
  while (chainKey.index < counter) {
    const previous = chainKey;
    if (previous.index < firstKept) {
      chainKey = nextChainKey(previous);
    } else {
      const { seed, next } = stepChain(previous);
      skipped.add(previous.index, seed);
      chainKey = next;
    }
    if (previous !== chain.chainKey) wipe(previous.key);
  }
  return { chainKey, skipped: skipped.finish() };
}
