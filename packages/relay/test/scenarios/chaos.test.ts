import { expect, test } from 'vitest';

import { runChaos } from '../../chaos/run.js';

test(
  'every kind of fault once, under load: nothing acknowledged is lost, reordered or doubled',
  { timeout: 240_000 },
  async () => {
    const report = await runChaos({ seed: 7, faults: 5, pairs: 4 });
    expect(report.violations).toEqual([]);
    expect(Object.values(report.faults)).toEqual([1, 1, 1, 1, 1]);
    expect(report.acknowledged).toBeGreaterThan(20);
    expect(report.received).toBe(report.acknowledged);
  },
);
