import { expect, test } from 'vitest';

import { Deadlines } from '../../src/deadlines.js';
import type { Clock } from '../../src/platform.js';
import { handClock } from '../support/hand-clock.js';

const SLOT_MS = 5_000;

function deadlines(clock: Clock) {
  const fired: string[] = [];
  return { fired, due: new Deadlines<string>(clock, SLOT_MS, (name) => fired.push(name)) };
}

test('a deadline is met late by a slot at most, and never early', () => {
  const { clock, advance } = handClock();
  const { fired, due } = deadlines(clock);
  const time = clock.now() + 20_001;
  due.set('alice', time);
  advance(20_000);
  expect(fired).toEqual([]);
  advance(1 + SLOT_MS);
  expect(fired).toEqual(['alice']);
});

test('those of one slot share a timer, which goes when the last of them is cleared', () => {
  const { clock } = handClock();
  let timers = 0;
  const after: Clock['after'] = (ms, task) => {
    timers++;
    const cancel = clock.after(ms, task);
    return () => {
      timers--;
      cancel();
    };
  };
  const { due } = deadlines({ now: () => clock.now(), after });
  const time = Math.ceil((clock.now() + 60_000) / SLOT_MS) * SLOT_MS;
  const slots = ['alice', 'bob', 'carol'].map((name) => ({ name, slot: due.set(name, time) }));
  expect(timers).toBe(1);
  for (const { name, slot } of slots) due.clear(name, slot);
  expect(timers).toBe(0);
});

test('a clock that wakes early is asked again', () => {
  const { clock, advance } = handClock();
  const { fired, due } = deadlines({
    now: () => clock.now(),
    after: (ms, task) => clock.after(Math.min(ms, 1_000), task),
  });
  due.set('alice', clock.now() + 7_000);
  advance(6_000);
  expect(fired).toEqual([]);
  advance(1_000 + SLOT_MS);
  expect(fired).toEqual(['alice']);
});
