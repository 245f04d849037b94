import type { RandomBytes } from '../../src/index.js';

/** Reproducible random bytes (xorshift128), for tests only: one seed gives one world. */
export function seededRandom(seed: number): RandomBytes {
  const next = seededNumbers(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
}

/** Reproducible numbers in [0, 1). */
export function seededNumbers(seed: number): () => number {
  let [x, y, z, w] = [seed ^ 0x9e3779b9, 362436069, 521288629, 88675123];
  const next = () => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return (w >>> 0) / 0x1_0000_0000;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/** Hands out the recorded values in order and complains about any other use. */
export function recordedRandom(values: readonly Uint8Array[]): { random: RandomBytes; left: () => number } {
  const queue = [...values];
  const random: RandomBytes = (length) => {
    const value = queue.shift();
    if (value === undefined) throw new Error(`no recorded randomness left for ${length} bytes`);
    if (value.length !== length) throw new Error(`recorded ${value.length} random bytes, asked for ${length}`);
    return value;
  };
  return { random, left: () => queue.length };
}
