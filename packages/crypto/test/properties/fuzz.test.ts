import { expect, test } from 'vitest';
import { fuzz } from '../../fuzz/fuzz.js';

test('ten thousand hostile inputs get typed errors and change no state', () => {
  const report = fuzz(10_000, 20261121);
  expect(report.inputs).toBe(10_000);
  expect(report.refused.size).toBeGreaterThan(25);
}, 120_000);
