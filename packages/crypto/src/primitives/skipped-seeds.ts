/**
 * Secrets of messages that were jumped over, of one receiving chain: of the Double Ratchet, a sender key, or SPQR.
 * Seeds and not ready message keys, because the post-quantum salt of a message is known only when the message arrives
 * (double-ratchet.md §1).
 *
 * Packed as `u32be counter || 32-byte seed`, ascending by counter: storing 2,000 of them is one copy, not 2,000.
 */
import { wipe } from './bytes.js';

export const SKIPPED_SEED_LENGTH = 36;

/** A multiple of 36 bytes; never changed in place. */
export type SkippedSeeds = Uint8Array;

export const NO_SKIPPED_SEEDS: SkippedSeeds = new Uint8Array(0);

function counterAt(seeds: SkippedSeeds, position: number): number {
  const at = position * SKIPPED_SEED_LENGTH;
  const [a = 0, b = 0, c = 0, d = 0] = seeds.subarray(at, at + 4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Whether counters ascend strictly and stay below the chain's index: what a stored chain must satisfy. */
export function areSkippedSeedsValid(seeds: SkippedSeeds, chainIndex: number): boolean {
  if (seeds.length % SKIPPED_SEED_LENGTH !== 0) return false;
  let previous = -1;
  for (let i = 0; i < seeds.length / SKIPPED_SEED_LENGTH; i++) {
    const counter = counterAt(seeds, i);
    if (counter <= previous || counter >= chainIndex) return false;
    previous = counter;
  }
  return true;
}

/** The seed of `counter` (a copy) and what remains without it; null when it is not held. */
export function takeSkippedSeed(seeds: SkippedSeeds, counter: number): { seed: Uint8Array; rest: SkippedSeeds } | null {
  let low = 0;
  let high = seeds.length / SKIPPED_SEED_LENGTH - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = counterAt(seeds, middle);
    if (found === counter) {
      const start = middle * SKIPPED_SEED_LENGTH;
      const end = start + SKIPPED_SEED_LENGTH;
      const rest = new Uint8Array(seeds.length - SKIPPED_SEED_LENGTH);
      rest.set(seeds.subarray(0, start));
      rest.set(seeds.subarray(end), start);
      return { seed: seeds.slice(start + 4, end), rest };
    }
    if (found < counter) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}

/** The seeds without those of counters below `oldest`. */
export function dropSeedsBelow(seeds: SkippedSeeds, oldest: number): SkippedSeeds {
  const count = seeds.length / SKIPPED_SEED_LENGTH;
  let dropped = 0;
  while (dropped < count && counterAt(seeds, dropped) < oldest) dropped++;
  return dropped === 0 ? seeds : seeds.slice(dropped * SKIPPED_SEED_LENGTH);
}

/** Collects the seeds of one jump; at most `maximum` seeds stay in all, the newest. */
export class SkippedSeedsBuilder {
  readonly #buffer: Uint8Array;
  #length: number;

  /** @param expected seeds that will be added */
  constructor(seeds: SkippedSeeds, expected: number, maximum: number) {
    const room = Math.max(0, maximum - expected) * SKIPPED_SEED_LENGTH;
    const kept = seeds.length > room ? seeds.subarray(seeds.length - room) : seeds;
    this.#buffer = new Uint8Array(kept.length + expected * SKIPPED_SEED_LENGTH);
    this.#buffer.set(kept);
    this.#length = kept.length;
  }

  /** Adds a seed with a counter above all before it; the seed passed in is wiped. */
  add(counter: number, seed: Uint8Array): void {
    const at = this.#length;
    this.#buffer[at] = counter >>> 24;
    this.#buffer[at + 1] = counter >>> 16;
    this.#buffer[at + 2] = counter >>> 8;
    this.#buffer[at + 3] = counter;
    this.#buffer.set(seed, at + 4);
    this.#length = at + SKIPPED_SEED_LENGTH;
    wipe(seed);
  }

  finish(): SkippedSeeds {
    return this.#buffer.subarray(0, this.#length);
  }
}
