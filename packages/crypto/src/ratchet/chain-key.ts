/** `CK' = HMAC(CK, 0x02)`, message seed `S = HMAC(CK, 0x01)` (double-ratchet.md §1). */
import { hmacPair, hmacSha256 } from '../primitives/hmac.js';

const SEED = Uint8Array.of(0x01);
const NEXT = Uint8Array.of(0x02);

/** 32 secret bytes and the number of messages before it in its chain (u32). */
export interface ChainKey {
  readonly key: Uint8Array;
  readonly index: number;
}

/** Counters are u32 on the wire and in records: the last index that a chain may have. */
export const MAX_CHAIN_INDEX = 0xffff_ffff;

/** Seed of the message keys at the chain key's index; 32 bytes. */
export function messageSeed(chainKey: ChainKey): Uint8Array {
  return hmacSha256(chainKey.key, SEED);
}

/** Both at once: the seed at this index and the chain key after it. */
export function stepChain(chainKey: ChainKey): { seed: Uint8Array; next: ChainKey } {
  const [seed, key] = hmacPair(chainKey.key, SEED, NEXT);
  return { seed, next: { key, index: chainKey.index + 1 } };
}

export function nextChainKey(chainKey: ChainKey): ChainKey {
  return { key: hmacSha256(chainKey.key, NEXT), index: chainKey.index + 1 };
}
