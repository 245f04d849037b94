import { expect, test } from 'vitest';

import type { ContentCounters } from '../vault/schema.js';
import { countMissing, countReceived } from './gaps.js';

const NONE: ContentCounters = { sent: 0, received: 0, missing: [] };
const after = (counters: readonly number[]): ContentCounters => counters.reduce(countReceived, NONE);

test('what is missing follows what comes, in whatever order', () => {
  expect(after([1, 2, 3]).missing).toEqual([]);
  expect(after([3]).missing).toEqual([[1, 2]]);
  expect(after([5, 3]).missing).toEqual([
    [1, 2],
    [4, 4],
  ]);
  expect(after([5, 3, 4, 1, 2])).toMatchObject({ received: 5, missing: [] });
  expect(after([5, 3, 3, 5])).toEqual(after([5, 3]));
});

test.each<[string, (i: number) => number]>([
  ['leaves a hole each time', (i) => 2 * i + 2],
  ['fills every second place of one large hole', (i) => (i === 0 ? 1_000_000 : 500_000 - 2 * i)],
  ['counts as high as numbers go', (i) => (i === 0 ? Number.MAX_SAFE_INTEGER : Number.MAX_SAFE_INTEGER - 2 * i)],
])('a sender that %s makes no list without end', (_, counter) => {
  const { missing } = after(Array.from({ length: 1_000 }, (__, i) => counter(i)));
  expect(missing.length).toBeLessThanOrEqual(32);
  expect(countMissing(missing)).toBeGreaterThan(0);
});
