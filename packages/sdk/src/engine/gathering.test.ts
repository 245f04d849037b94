import { expect, test } from 'vitest';

import type { Clock } from '../util/clock.js';
import { Gathering } from './gathering.js';

/** Timers that fire when told to. */
function manualClock(): { clock: Clock; timers: { ms: number; run: () => void }[] } {
  const timers: { ms: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void): (() => void) => {
    const timer = { ms, run };
    timers.push(timer);
    return () => void timers.splice(timers.indexOf(timer), 1);
  };
  return { clock: { now: () => 0, ticks: () => 0, after }, timers };
}

test('what gathers leaves once, a second after the first of it', () => {
  const { clock, timers } = manualClock();
  let opened = 0;
  const gathering = new Gathering(clock, () => opened++);
  expect(gathering.take()).toBe('closed');
  gathering.wait(1_000);
  gathering.wait(1_000);
  expect(timers.map(({ ms }) => ms)).toEqual([1_000]);
  timers[0]?.run();
  expect(opened).toBe(1);
  expect([gathering.take(), gathering.take()]).toEqual(['open', 'closed']);
});

test('a backlog holds everything, and what has gathered leaves when it is drained', () => {
  const { clock, timers } = manualClock();
  let opened = 0;
  const gathering = new Gathering(clock, () => opened++);
  gathering.wait(1_000);
  gathering.hold(true);
  timers[0]?.run();
  expect(gathering.take()).toBe('held');
  gathering.hold(false);
  expect(opened).toBeGreaterThan(0);
  expect([gathering.take(), gathering.take()]).toEqual(['open', 'closed']);
});
