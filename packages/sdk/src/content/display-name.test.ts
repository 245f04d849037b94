import fc from 'fast-check';
import { expect, test } from 'vitest';

import { displayName, MAX_DISPLAY_NAME } from './display-name.js';

test.each([
  ['Alice', 'Alice'],
  ['  Alice \n of\tWonderland ', 'Alice of Wonderland'],
  ['Zoë \u{1F469}\u200d\u{1F680}', 'Zoë \u{1F469}\u200d\u{1F680}'],
  ['علی\u200cرضا', 'علی\u200cرضا'],
  // Written from right to left, it would read "Bob".
  ['\u202eboB', 'boB'],
  ['A\u200bl\u2060i\ufeffce', 'Ali ce'],
  ['Bob\u{e0041}\u{e007f}', 'Bob'],
  ['A\ud800B', 'AB'],
  [`e${'\u0301'.repeat(50)}`, `é${'\u0301'.repeat(4)}`],
])('the name %j is shown as %j', (name, shown) => {
  expect(displayName(name)).toBe(shown);
});

test.each(['', ' ', '\u200d', '\u3164\u115f', '\u202e\u2066', '\u0301', '\u2800'])('of %j nothing is seen', (name) => {
  expect(displayName(name)).toBeNull();
});

test('whatever somebody calls themselves is one line, bounded, in one direction, and shown the same a second time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 256 }), (name) => {
      const shown = displayName(name);
      if (shown === null) return;
      expect(Array.from(shown).length).toBeLessThanOrEqual(MAX_DISPLAY_NAME);
      expect(shown).not.toMatch(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
      expect(displayName(shown)).toBe(shown);
    }),
    { numRuns: 2_000 },
  );
});
