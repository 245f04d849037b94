import fc from 'fast-check';
import { expect, test } from 'vitest';

import { MAX_PADDED_BYTES, pad, unpad } from '../../src/content/padding.js';

test('any content survives padding, and its size shows only its bucket', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (content) => {
      const padded = pad(content);
      expect(unpad(padded)).toEqual(content);
      expect([256, 512, 1024, 2048, 4096, 8192]).toContain(padded.length);
      expect(padded.length).toBeLessThanOrEqual(Math.max(256, 2 * (content.length + 1)));
    }),
  );
});

test('the longest content fits the largest bucket, and one byte more is refused', () => {
  expect(pad(new Uint8Array(MAX_PADDED_BYTES))).toHaveLength(65_536);
  expect(() => pad(new Uint8Array(MAX_PADDED_BYTES + 1))).toThrow(RangeError);
});

test('a content that ends in zeros or in the marker itself is not shortened', () => {
  for (const content of [Uint8Array.of(0, 0), Uint8Array.of(1, 0x80), Uint8Array.of(0x80), new Uint8Array()]) {
    expect(unpad(pad(content))).toEqual(content);
  }
});

test('padding without a marker is malformed', () => {
  for (const padded of [new Uint8Array(), new Uint8Array(256), Uint8Array.of(1, 2, 3)])
    expect(unpad(padded)).toBeNull();
});
