import { expect, test } from 'vitest';

import { FAULTS } from '../../chaos/plan.js';
import { runChaos } from '../../chaos/run.js';

test(
  'every kind of fault once, under load: nothing acknowledged is lost, reordered or doubled',
  { timeout: 300_000 },
  async () => {
    const report = await runChaos({ seed: 7, faults: FAULTS.length, pairs: 3 });
    expect(report.violations).toEqual([]);
    expect(Object.keys(report.faults).sort()).toEqual([...FAULTS].sort());
    expect(report.acknowledged).toBeGreaterThan(100);
    expect(report.repeated).toBeGreaterThan(0);
    expect(report.held).toBeGreaterThan(0);
  },
);
