import { expect, test } from 'vitest';

import type { Clock } from '../util/clock.js';
import { Deferrals } from './deferrals.js';

/** What was waited for, each wait over at once. */
function waitsFor(asked: readonly (number | null)[]): number[] {
  const waits: number[] = [];
  const after: Clock['after'] = (ms, run) => {
    waits.push(ms);
    run();
    return () => undefined;
  };
  const deferrals = new Deferrals({ now: () => 0, ticks: () => 0, after }, () => undefined);
  for (const ms of asked) deferrals.defer({ id: 'm', covers: [] }, ms);
  return waits;
}

test('what the relay asks for counts; without its word each wait is longer, up to half a minute', () => {
  expect(waitsFor([200, 5_000, 90_000])).toEqual([200, 5_000, 90_000]);
  expect(waitsFor(new Array<null>(7).fill(null))).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test('a relay that goes on refusing for no time is not asked again at once each time', () => {
  expect(waitsFor([0, 0, 1, 200])).toEqual([0, 1_000, 1_000, 1_000]);
});
