import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  isPending,
  isPlausibleHlc,
  MAX_HLC,
  MAX_HLC_AHEAD_MS,
  nextHlc,
  pendingHlc,
} from '../../src/content/position.js';

const time = fc.integer({ min: 1, max: 2 ** 45 });

test('a new message sorts after everything stored, whatever the clock says', () => {
  fc.assert(
    fc.property(time, time, (now, largest) => {
      expect(nextHlc(now, largest)).toBeGreaterThan(largest);
      expect(nextHlc(now, largest)).toBeGreaterThanOrEqual(now);
    }),
  );
});

test('pending messages sort behind all sealed ones, in the order of typing', () => {
  fc.assert(
    fc.property(time, time, time, (now, later, sealed) => {
      const first = pendingHlc(now, sealed);
      const second = pendingHlc(later, first);
      expect(first).toBeGreaterThan(nextHlc(later, sealed));
      expect(second).toBeGreaterThan(first);
      expect(isPending(first) && isPending(second) && !isPending(sealed)).toBe(true);
    }),
  );
});

test('clocks beyond the bounds are implausible, exactly', () => {
  const now = 1_800_000_000_000;
  expect(isPlausibleHlc(now + MAX_HLC_AHEAD_MS, now)).toBe(true);
  expect(isPlausibleHlc(now + MAX_HLC_AHEAD_MS + 1, now)).toBe(false);
  expect(isPlausibleHlc(MAX_HLC, MAX_HLC)).toBe(true);
  for (const hlc of [MAX_HLC + 1, 0, -1, 1.5, NaN, Infinity]) expect(isPlausibleHlc(hlc, now)).toBe(false);
});
