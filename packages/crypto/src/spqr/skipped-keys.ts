/**
 * Keys of one receive chain that were passed over. They are kept as stored: one buffer of entries, sorted by index, so that
 * saving a session copies bytes and nothing else. All functions return a new buffer.
 */
import { concat, NO_BYTES, u32be } from '../primitives/bytes.js';

const KEY_BYTES = 32;
/** u32be index || key. */
export const SKIPPED_ENTRY_BYTES = 4 + KEY_BYTES;

/** A multiple of 36 bytes, indices ascending. */
export type SkippedKeys = Uint8Array;

export const NO_SKIPPED: SkippedKeys = NO_BYTES;

function indexAt(skipped: SkippedKeys, entry: number): number {
  const at = entry * SKIPPED_ENTRY_BYTES;
  const [a, b, c, d] = [skipped[at] ?? 0, skipped[at + 1] ?? 0, skipped[at + 2] ?? 0, skipped[at + 3] ?? 0];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Number of the first entry whose index is at least `index`. */
function lowerBound(skipped: SkippedKeys, index: number): number {
  let low = 0;
  let high = skipped.length / SKIPPED_ENTRY_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (indexAt(skipped, middle) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Adds the keys of `first`, `first` + 1 and so on, all above those already there. */
export function insertSkipped(skipped: SkippedKeys, first: number, keys: readonly Uint8Array[]): SkippedKeys {
  if (keys.length === 0) return skipped;
  return concat(skipped, ...keys.flatMap((key, i) => [u32be(first + i), key]));
}

/** Forgets keys below `oldest`. */
export function trimSkipped(skipped: SkippedKeys, oldest: number): SkippedKeys {
  const entry = lowerBound(skipped, oldest);
  return entry === 0 ? skipped : skipped.slice(entry * SKIPPED_ENTRY_BYTES);
}

/** The key of `index` and what is left, or null when it is not there. */
export function takeSkipped(skipped: SkippedKeys, index: number): { key: Uint8Array; rest: SkippedKeys } | null {
  const entry = lowerBound(skipped, index);
  const at = entry * SKIPPED_ENTRY_BYTES;
  if (at === skipped.length || indexAt(skipped, entry) !== index) return null;
  const key = skipped.slice(at + 4, at + SKIPPED_ENTRY_BYTES);
  return { key, rest: concat(skipped.subarray(0, at), skipped.subarray(at + SKIPPED_ENTRY_BYTES)) };
}

/** Whether bytes read from storage are well-formed: whole entries with ascending indices. */
export function isWellFormed(skipped: Uint8Array): boolean {
  if (skipped.length % SKIPPED_ENTRY_BYTES !== 0) return false;
  for (let entry = 1; entry < skipped.length / SKIPPED_ENTRY_BYTES; entry++) {
    if (indexAt(skipped, entry - 1) >= indexAt(skipped, entry)) return false;
  }
  return true;
}
