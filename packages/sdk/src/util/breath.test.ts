import { afterEach, expect, test, vi } from 'vitest';

import { Breath } from './breath.js';

let now = 0;

/** A page, as far as this asks for one, whose time stands still. @returns how often a task has been yielded to */
function page(): () => number {
  const yielded = vi.fn(() => Promise.resolve());
  now = 0;
  vi.stubGlobal('document', {});
  vi.stubGlobal('scheduler', { yield: yielded });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return () => yielded.mock.calls.length;
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('pauses when ten milliseconds are used up, and then has ten again', async () => {
  const pauses = page();
  const breath = new Breath();
  const seen: number[] = [];
  for (let step = 0; step < 12; step++) {
    now += 3;
    await breath.pause();
    seen.push(pauses());
  }
  expect(seen).toEqual([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3]);
});

test('does nothing where there is no page', async () => {
  const pauses = page();
  vi.stubGlobal('document', undefined);
  const breath = new Breath();
  now = 1_000;
  await breath.pause();
  expect(pauses()).toBe(0);
});
