import { expect, test } from 'vitest';

import { FAULTS } from '../../chaos/plan.js';
import { runChaos } from '../../chaos/run.js';
import { ROOT } from '../support/process.js';

test(
  'every kind of fault once, under load, in the midst of a deploy: nothing acknowledged is lost, reordered or doubled',
  { timeout: 300_000 },
  async () => {
    // What is replaced is no older here: that needs the history of the repository, see `--beside`.
    const report = await runChaos({ seed: 7, faults: FAULTS.length, pairs: 3, older: ROOT });
    expect(report.violations).toEqual([]);
    expect(Object.keys(report.faults).sort()).toEqual([...FAULTS].sort());
    expect(report.acknowledged).toBeGreaterThan(100);
    expect(Math.min(...report.answeredBy)).toBeGreaterThan(10);
    expect(report.repeated).toBeGreaterThan(0);
    expect(report.held).toBeGreaterThan(0);
  },
);
