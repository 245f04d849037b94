import { limits, up } from '@sotto/protocol';
import fc from 'fast-check';
import standard from 'socket.io-msgpack-parser';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';

import { isPlainAck, isPlainSubmit } from '../../src/gateway/fast-parse.js';
import { packets } from '../../src/gateway/packets.js';

const bytes = (min: number, max = min) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((value) => Buffer.from(value));
const uuid = fc.uuid();
const whole = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32));

const submit = fc.record({
  id: bytes(16),
  payloads: fc.array(bytes(1, 600), { minLength: 1, maxLength: 3 }),
  recipients: fc.array(
    fc.record({
      user: uuid,
      list: fc.integer({ min: 1 }),
      devices: fc.array(
        fc.record({
          device: fc.integer({ min: 1, max: limits.MAX_DEVICE_ID }),
          registration: fc.integer({ min: 1, max: limits.MAX_REGISTRATION_ID }),
          payload: fc.nat(),
        }),
        { maxLength: limits.MAX_DEVICES_PER_USER },
      ),
      complete: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});
const ack = fc.record({ seq: fc.integer({ min: 1 }), id: bytes(16) });

/** Replaces, removes or adds something anywhere in a message. */
const spoilt = (message: fc.Arbitrary<object>) =>
  fc
    .tuple(message, fc.nat(), fc.constantFrom('replace', 'remove', 'add'), fc.anything())
    .map(([value, at, how, junk]) => {
      const copy = structuredClone(value);
      const places: [Record<string, unknown>, string][] = [];
      const visit = (node: unknown) => {
        if (typeof node !== 'object' || node === null || node instanceof Uint8Array) return;
        for (const key of Object.keys(node)) {
          places.push([node as Record<string, unknown>, key]);
          visit((node as Record<string, unknown>)[key]);
        }
      };
      visit(copy);
      const [node, key] = places[at % places.length] ?? [{}, ''];
      if (how === 'replace') node[key] = junk;
      else if (how === 'remove') Reflect.deleteProperty(node, key);
      else node[Array.isArray(node) ? String(node.length) : 'extra'] = junk;
      return copy;
    });

describe.each([
  ['submit', up.submit, isPlainSubmit, submit],
  ['ack', up.ack, isPlainAck, ack],
] as const)('the check by hand of %s', (_name, schema, isPlain, valid) => {
  test('accepts what is valid', () => {
    fc.assert(
      fc.property(valid, (message) => {
        expect(isPlain(message)).toBe(true);
        expect(z.parse(schema, message)).toEqual(message);
      }),
    );
  });

  test('accepts nothing that the schema refuses, and nothing that it would change', () => {
    fc.assert(
      fc.property(fc.oneof(spoilt(valid), fc.anything()), (message) => {
        if (isPlain(message)) expect(z.parse(schema, message)).toEqual(message);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([[null], [[]], [{}], ['text'], [Object.create({ seq: 1, id: Buffer.alloc(16) })]])('refuses %j', (junk) => {
    expect(isPlain(junk)).toBe(false);
  });
});

const envelope = fc.record({
  seq: whole,
  id: bytes(16),
  user: uuid,
  device: fc.integer({ min: 1, max: 127 }),
  registration: fc.integer({ min: 1, max: 16_383 }),
  at: fc.integer({ min: 0, max: 2 ** 42 }),
  payload: fc.oneof(
    bytes(1, 600),
    fc.constantFrom(255, 256, 65_535, 65_536, 98_304).map((size) => Buffer.alloc(size, 7)),
  ),
});
const outcomes = fc.array(fc.constantFrom('stored', 'duplicate', 'mailbox-full'), { maxLength: 3 });
const reply = fc.oneof(
  fc.constant({ ok: true }),
  fc.record({ ok: fc.constant(true), outcomes }),
  fc.constant({ ok: false, error: { code: 'internal' } }),
);
const packet = fc.oneof(
  fc.record({ id: whole, type: fc.constant(3), data: fc.tuple(reply), nsp: fc.constant('/') }),
  fc.record({
    type: fc.constant(2),
    nsp: fc.constant('/'),
    data: fc.tuple(
      fc.constant('deliver'),
      fc.record({ first: whole, left: whole, envelopes: fc.array(envelope, { maxLength: 20 }) }),
    ),
  }),
  fc.record({
    type: fc.constant(2),
    nsp: fc.constant('/'),
    data: fc.tuple(fc.constant('drained'), fc.record({ head: whole })),
  }),
);

test('what is written directly reads as what the library writes', () => {
  const [own, library] = [new packets.Encoder(), new standard.Encoder()];
  fc.assert(
    fc.property(packet, (each) => {
      const [written] = own.encode(each);
      const [expected] = library.encode(each) as unknown as Buffer[];
      expect(decoded(written as Buffer)).toEqual(decoded(expected ?? Buffer.alloc(0)));
    }),
  );
});

function decoded(frame: Buffer): unknown {
  const decoder = new standard.Decoder() as unknown as {
    on(event: 'decoded', listener: (packet: unknown) => void): void;
    add(frame: Buffer): void;
  };
  let result: unknown;
  decoder.on('decoded', (value) => (result = value));
  decoder.add(frame);
  return result;
}
