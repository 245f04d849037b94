import { expect, test } from 'vitest';

import { search, spellings } from '../support/canary.js';

const CANARY = 'kingfisher-over-still-water-51';

/** The text in the middle of other bytes, spelled in all the ways that a leak could take. */
const leaks: Record<string, (text: Buffer) => Buffer | string> = {
  plain: (text) => text,
  hex: (text) => text.toString('hex'),
  'upper-case hex': (text) => text.toString('hex').toUpperCase(),
  base64: (text) => text.toString('base64'),
  base64url: (text) => text.toString('base64url'),
  'utf-16': (text) => Buffer.from(text.toString('latin1'), 'utf16le'),
};

test.each(Object.keys(leaks))('a canary that leaks as %s is found, whatever stands around it', (name) => {
  for (const before of ['', 'a', 'ab', 'abc', '{"text":"']) {
    for (const after of ['', 'x', 'xy', 'xyz']) {
      const leak = leaks[name]?.(Buffer.from(before + CANARY + after));
      const haystack = Buffer.concat([Buffer.from('noise '), Buffer.from(leak ?? ''), Buffer.from(' noise')]);
      expect(search([['wire', haystack]], [CANARY]), `${before}...${after}`).not.toEqual([]);
    }
  }
});

test('nothing is found where nothing is', () => {
  expect(search([['wire', Buffer.from('kingfisher over still water 51')]], [CANARY])).toEqual([]);
});

test('no spelling is so short that chance would find it', () => {
  for (const { encoding, bytes } of spellings(CANARY)) expect(bytes.length, encoding).toBeGreaterThanOrEqual(28);
});
