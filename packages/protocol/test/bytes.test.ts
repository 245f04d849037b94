import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as s from '../src/schema.js';

import { base64Bytes, fromBase64Url, toBase64Url } from '../src/bytes.js';
import { cursor } from '../src/socket/hello.js';

test('every byte string survives base64url, spelled as Node spells it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = toBase64Url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64url'));
      expect(fromBase64Url(text)).toEqual(bytes);
    }),
  );
});

test('only the one canonical spelling is accepted', () => {
  for (const text of ['AB', 'A', 'AA==', 'A+A_', 'AA\n', 'AAAAA']) expect(fromBase64Url(text), text).toBeNull();
});

test('a length outside the range is refused with the range in the message', () => {
  const result = s.safeParse(base64Bytes(32), 'AAAA');
  expect(result.success).toBe(false);
  expect(s.parse(base64Bytes(2, 3), 'AAAA')).toEqual(new Uint8Array(3));
});

test('a returning device says its cursor: hello goes out through the schema that the relay reads it with', () => {
  const id = new Uint8Array(16).fill(7);
  const encoded = s.encode(cursor, { seq: 3, id });
  expect(encoded).toEqual({ seq: 3, id });
  // Browsers receive an ArrayBuffer.
  expect(s.parse(cursor, { seq: 3, id: id.buffer })).toEqual({ seq: 3, id });
});
