import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/primitives/bytes.js';
import { constantTimeEqual, isAllZero } from '../../src/primitives/constant-time.js';
import { hkdf } from '../../src/primitives/hkdf.js';
import { hmacPair, hmacSha256 } from '../../src/primitives/hmac.js';

const bytes = fc.uint8Array({ maxLength: 300 });

describe('our HMAC and HKDF are those of @noble/hashes', () => {
  test('for every key and message, in any pieces', () => {
    fc.assert(
      fc.property(bytes, fc.array(bytes, { maxLength: 5 }), (key, parts) => {
        expect(hmacSha256(key, ...parts)).toEqual(hmac(sha256, key, concat(...parts)));
      }),
      { numRuns: 500 },
    );
  });

  test('at every length around the block borders', () => {
    for (let length = 0; length <= 200; length++) {
      const message = Uint8Array.from({ length }, (_, i) => i);
      expect(hmacSha256(message, message)).toEqual(hmac(sha256, message, message));
    }
  });

  test('for two messages under one key', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, (key, a, b) => {
        expect(hmacPair(key, a, b)).toEqual([hmac(sha256, key, a), hmac(sha256, key, b)]);
      }),
    );
  });

  test('for every salt, input, info and length', () => {
    fc.assert(
      fc.property(fc.option(bytes), bytes, bytes, fc.integer({ min: 0, max: 300 }), (salt, ikm, info, length) => {
        expect(hkdf(salt, ikm, info, length)).toEqual(nobleHkdf(sha256, ikm, salt ?? undefined, info, length));
      }),
      { numRuns: 300 },
    );
  });
});

test('comparisons look at every byte', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (a, at, bits) => {
        const b = a.slice();
        expect(constantTimeEqual(a, b)).toBe(true);
        b[at % b.length] = (b[at % b.length] ?? 0) ^ bits;
        expect(constantTimeEqual(a, b)).toBe(false);
        expect(constantTimeEqual(a, a.subarray(1))).toBe(false);
        expect(isAllZero(b.map(() => 0))).toBe(true);
        expect(isAllZero(b.map((_, i) => (i === at % b.length ? bits : 0)))).toBe(false);
      },
    ),
  );
});
