import { describe, expect, test } from 'vitest';

import { Leases } from '../../src/limits/lease.js';
import type { Demand, Limiter } from '../../src/limits/limits.js';
import { handClock } from '../support/hand-clock.js';

const DEMAND: Demand = { limit: 'envelopesPerDevice', key: 'device' };

/** Notes what it is asked for; answers in a later turn, as a network does. */
function noting(budget: number, answer: () => number | null = () => null) {
  const asked: number[] = [];
  const limiter: Limiter = {
    budget: () => budget,
    async take(_demand, points = 1) {
      asked.push(points);
      await Promise.resolve();
      return answer();
    },
  };
  return { asked, limiter };
}

describe('leases', () => {
  test('take a block, and live on it without asking', async () => {
    const { asked, limiter } = noting(12_000);
    const lease = new Leases(limiter, handClock().clock).of(DEMAND);
    expect(await lease.take(1)).toBeNull();
    for (let taken = 1; taken < 100; taken++) expect(lease.take(1)).toBeNull();
    expect(asked).toEqual([100]);
  });

  test('who comes while a block is asked for waits for it', async () => {
    const { asked, limiter } = noting(12_000);
    const lease = new Leases(limiter, handClock().clock).of(DEMAND);
    const answers = await Promise.all(Array.from({ length: 150 }, async () => lease.take(1)));
    expect(answers.every((answer) => answer === null)).toBe(true);
    expect(asked).toEqual([100, 200]);
  });

  test('blocks that are used up soon double, up to a tenth of the budget; slow ones are small', async () => {
    const { clock, advance } = handClock();
    const { asked, limiter } = noting(5_000);
    const lease = new Leases(limiter, clock).of(DEMAND);
    for (let taken = 0; taken < 1_300; taken++) await lease.take(1);
    expect(asked).toEqual([100, 200, 400, 500, 500]);
    advance(2_000);
    for (let taken = 0; taken < 501; taken++) await lease.take(1);
    expect(asked.slice(5)).toEqual([100, 200]);
  });

  test('a refusal is heard by all who wait, and by whoever comes next', async () => {
    const { limiter } = noting(12_000, () => 700);
    const lease = new Leases(limiter, handClock().clock).of(DEMAND);
    expect(await Promise.all([lease.take(1), lease.take(1)])).toEqual([700, 700]);
    expect(await lease.take(1)).toBe(700);
  });

  test('more points than a block are taken at once', async () => {
    const { asked, limiter } = noting(12_000);
    const lease = new Leases(limiter, handClock().clock).of(DEMAND);
    expect(await lease.take(1_000)).toBeNull();
    expect(asked).toEqual([1_000]);
  });
});
