import type { ContentCounters } from '../vault/schema.js';

/** Ranges kept of what is missing from one device; a sender that leaves more holes than this is not to be repaired. */
const MAX_RANGES = 32;

type Range = readonly [number, number];

/** What a content with this counter means for what is missing. A counter that was seen before changes nothing. */
export function countReceived(before: ContentCounters, counter: number): ContentCounters {
  if (counter <= before.received) return { ...before, missing: without(before.missing, counter) };
  const gap: Range[] = counter > before.received + 1 ? [[before.received + 1, counter - 1]] : [];
  return { ...before, received: counter, missing: [...before.missing, ...gap].slice(-MAX_RANGES) };
}

export function without(missing: readonly Range[], counter: number): readonly Range[] {
  const left = missing.flatMap(([from, to]): Range[] => {
    if (counter < from || counter > to) return [[from, to]];
    const below: Range[] = counter > from ? [[from, counter - 1]] : [];
    return counter < to ? [...below, [counter + 1, to]] : below;
  });
  // What comes in the middle of a hole makes two of it.
  return left.slice(-MAX_RANGES);
}

export function countMissing(missing: readonly Range[]): number {
  return missing.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** The newest `most` of what is missing, ascending. */
export function newestMissing(missing: readonly Range[], most: number): number[] {
  const found: number[] = [];
  for (const [from, to] of [...missing].reverse()) {
    for (let counter = to; counter >= from && found.length < most; counter--) found.push(counter);
  }
  return found.reverse();
}
