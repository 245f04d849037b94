import { describe, expect, test } from 'vitest';

import { checkOut } from '../../chaos/checkout.js';
import { parseOptions } from '../../chaos/options.js';

describe('options of chaos:relay', () => {
  test('without any: a run of some length, with a seed of its own', () => {
    const { seed, ...others } = parseOptions([]);
    expect(others).toEqual({ faults: 200, pairs: 6, only: undefined, beside: undefined });
    expect(Number.isInteger(seed)).toBe(true);
  });

  test('all of them', () => {
    const args = ['--faults', '26', '--pairs', '3', '--seed', '7', '--only', 'relay killed', '--beside', 'HEAD~3'];
    expect(parseOptions(args)).toEqual({ faults: 26, pairs: 3, seed: 7, only: 'relay killed', beside: 'HEAD~3' });
  });

  test.each([
    [['--only', 'relay kiled'], /no fault called "relay kiled".*relay killed/],
    [['--faults', 'many'], /--faults is a whole number/],
    [['--besides', 'HEAD'], /besides/],
  ])('%s is not taken for something else', (args, sentence) => {
    expect(() => parseOptions(args)).toThrow(sentence);
  });

  test('a commit that is not here is named', async () => {
    await expect(checkOut('no-such-commit')).rejects.toThrow(/no-such-commit/);
  });
});
