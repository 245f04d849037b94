import fc from 'fast-check';
import parser from 'socket.io-msgpack-parser';
import { expect, test } from 'vitest';

import { decodeMessagePack, encodeMessagePack } from './message-pack.js';

/** What the relay's parser reads from bytes. */
function readByRelay(bytes: Uint8Array): unknown {
  let read: unknown;
  const decoder = new parser.Decoder();
  decoder.on('decoded', (packet: unknown) => (read = packet));
  decoder.add(Buffer.from(bytes));
  return read;
}

const writeByRelay = (value: unknown): Uint8Array => {
  const [bytes] = new parser.Encoder().encode(value) as unknown as [Uint8Array];
  return bytes;
};

/** The relay's parser loses what is called so; the protocol has no such name. */
const keys = fc.string({ maxLength: 40 }).filter((key) => key !== '__proto__');

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.integer({ min: -200, max: 70_000 }),
    // Whole numbers beyond 2^53 come out of the relay's parser with another sign; the protocol has none.
    fc.double({ noNaN: true }).filter((number) => Number.isSafeInteger(number) === Number.isInteger(number)),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value;

/** Buffers as the arrays that they are, and no negative zero, which a whole number cannot be. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  return value === 0 ? 0 : value;
}

test('the relay reads what is written here', () => {
  fc.assert(
    fc.property(values, (value) => {
      const packet = { type: 2, nsp: '/', data: ['event', value] };
      expect(plain(readByRelay(encodeMessagePack(packet)))).toEqual(plain(packet));
    }),
  );
});

test('what the relay writes is read here', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(plain(decodeMessagePack(writeByRelay(value)))).toEqual(plain(value));
    }),
  );
});

test('long texts, long bytes and long lists go through', () => {
  const value = { text: 'x'.repeat(70_000), bytes: new Uint8Array(70_000).fill(7), list: new Array(70_000).fill(1) };
  expect(plain(decodeMessagePack(encodeMessagePack(value)))).toEqual(plain(value));
  expect(plain(decodeMessagePack(writeByRelay({ ...value, bytes: Buffer.from(value.bytes) })))).toEqual(plain(value));
});

test('fields without a value are left out, and the parser\u2019s word for undefined is understood', () => {
  expect(decodeMessagePack(encodeMessagePack({ a: 1, b: undefined }))).toEqual({ a: 1 });
  expect(decodeMessagePack(Uint8Array.of(0x81, 0xa1, 0x61, 0xd4, 0, 0))).toEqual({ a: undefined });
});

test('bytes are copies: they do not keep the frame that they came in', () => {
  const read = decodeMessagePack(encodeMessagePack([new Uint8Array(3), 'x'.repeat(1_000)])) as [Uint8Array];
  expect(read[0].buffer.byteLength).toBe(3);
});

test('random bytes are read or refused, quickly and without touching any prototype', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeMessagePack(bytes);
      } catch (error) {
        expect(error instanceof RangeError || error instanceof TypeError).toBe(true);
      }
    }),
  );
  // A list of 4,294,967,295 that never comes, and one that is nested a million times.
  expect(() => decodeMessagePack(Uint8Array.of(0xdd, 255, 255, 255, 255))).toThrow(RangeError);
  expect(() => decodeMessagePack(new Uint8Array(1_000_000).fill(0x91))).toThrow(RangeError);
  const named = decodeMessagePack(encodeMessagePack(JSON.parse('{"__proto__": {"admin": true}}'))) as object;
  expect(Object.getPrototypeOf(named)).toBe(Object.prototype);
});
