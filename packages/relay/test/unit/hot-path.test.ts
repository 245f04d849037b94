import { isDeepStrictEqual } from 'node:util';

import { limits, up, type Deliver } from '@sotto/protocol';
import fc from 'fast-check';
import standard from 'socket.io-msgpack-parser';
import { describe, expect, test } from 'vitest';
import * as s from '@sotto/protocol/schema';

import { HotReader } from '../../src/gateway/hot-reader.js';
import { writeDeliver, writeReply } from '../../src/gateway/hot-writer.js';
import { MessagePackWriter } from '../../src/gateway/message-pack.js';

const bytes = (min: number, max = min) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((value) => Buffer.from(value));
const uuid = fc.uuid();
const whole = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32));

const submit = fc.record({
  id: bytes(16),
  sealing: fc.oneof(fc.nat(), fc.maxSafeNat()),
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

const cases = [
  ['submit', up.submit, submit],
  ['ack', up.ack, ack],
] satisfies [string, s.Schema<unknown>, fc.Arbitrary<object>][];

describe.each<[string, s.Schema<unknown>, fc.Arbitrary<object>]>(cases)(
  'reading %s by hand',
  (event, schema, valid) => {
    test('gives what the schema gives', () => {
      const reader = new HotReader();
      fc.assert(
        fc.property<[object, number]>(valid, fc.nat(), (message, id) => {
          const expected = s.safeParse(schema, message);
          const read = reader.read(
            written({ type: 2, nsp: '/', id, data: [event, message], options: { compress: true } }),
          );
          expect(read).toEqual(expected.success ? { event, replyTo: id, message } : null);
          expect(expected.success).toBe(true);
        }),
      );
    });

    test('accepts nothing that the schema refuses, and nothing that it would change', () => {
      const reader = new HotReader();
      fc.assert(
        fc.property(fc.oneof(spoilt(valid), fc.anything()), (message) => {
          const packet = tryToWrite({ type: 2, nsp: '/', id: 1, data: [event, message] });
          const read = packet && reader.read(packet);
          if (read) expect(s.parse(schema, read.message)).toEqual(decodedData(packet)[1]);
        }),
        { numRuns: 2_000 },
      );
    });

    test('leaves everything else to the library', () => {
      const reader = new HotReader();
      fc.assert(
        fc.property<[object, object]>(
          valid,
          spoilt(fc.constant({ type: 2, nsp: '/', id: 1, data: [event], options: { compress: true } })),
          (message, packet) => {
            if (Array.isArray((packet as { data?: unknown }).data)) (packet as { data: unknown[] }).data[1] = message;
            const bytes = tryToWrite(packet);
            const read = bytes && reader.read(bytes);
            if (!read) return;
            expect(decoded(bytes)).toMatchObject({ type: 2, nsp: '/', id: read.replyTo, data: [event, message] });
          },
        ),
        { numRuns: 2_000 },
      );
    });

    test('accepts no part of a packet, and nothing behind one', () => {
      const [message] = fc.sample(valid, { numRuns: 1, seed: 1 });
      const packet = written({ type: 2, nsp: '/', id: 70_000, data: [event, message] });
      expect(new HotReader().read(packet)).not.toBeNull();
      const reader = new HotReader();
      for (let length = 0; length < packet.length; length++) expect(reader.read(packet.subarray(0, length))).toBeNull();
      expect(reader.read(Buffer.concat([packet, Buffer.of(0xc0)]))).toBeNull();
    });
  },
);

test('bytes that nobody wrote are left to the library', () => {
  const reader = new HotReader();
  fc.assert(
    fc.property(fc.oneof(bytes(0, 300), fc.string()), (junk) => {
      expect(reader.read(junk)).toBeNull();
    }),
  );
});

test('a key that is there twice is left to the library', () => {
  const twice = Buffer.concat([Buffer.of(0x85), written({ id: 1, nsp: '/', type: 2, id2: 0, data: [] }).subarray(1)]);
  expect(new HotReader().read(twice)).toBeNull();
  const ackTwice = Buffer.from([...written({ seq: 1 }), ...written({ seq: 2 }).subarray(1)]);
  ackTwice[0] = 0x82;
  const packet = written({ type: 2, nsp: '/', id: 1, data: ['ack', null] });
  const at = packet.lastIndexOf(0xc0);
  expect(new HotReader().read(Buffer.concat([packet.subarray(0, at), ackTwice]))).toBeNull();
});

test('who writes to the same devices again gets the same list', () => {
  const reader = new HotReader();
  const [first, second] = fc.sample(submit, { numRuns: 2, seed: 7 });
  const listOf = (message: typeof first) => {
    const read = reader.read(written({ type: 2, nsp: '/', id: 1, data: ['submit', message] }));
    return read?.event === 'submit' ? read.message.recipients : undefined;
  };
  const list = listOf(first);
  expect(list).toEqual(first?.recipients);
  expect(listOf(second)).toEqual(second?.recipients);
  expect(listOf(first)).toBe(list);
});

/** As the library writes it. */
function written(packet: object): Buffer {
  const [bytes] = new standard.Encoder().encode(packet) as unknown as [Buffer];
  return Buffer.from(bytes);
}

/** Null for what MessagePack cannot say. */
function tryToWrite(packet: object): Buffer | null {
  try {
    return written(packet);
  } catch {
    return null;
  }
}

function decodedData(bytes: Buffer): unknown[] {
  return (decoded(bytes) as { data: unknown[] }).data;
}

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
  fc.constant({ ok: true as const }),
  fc.record({ ok: fc.constant(true as const), outcomes }),
  fc.constant({ ok: false as const, error: { code: 'internal' as const, message: 'why', retryAfterMs: 5 } }),
);
const deliver = fc.record({ first: whole, left: whole, envelopes: fc.array(envelope, { maxLength: 4 }) });

test('what is written by hand reads as what the library writes', () => {
  fc.assert(
    fc.property(whole, reply, (id, answer) => {
      const packet = { type: 3, nsp: '/', id, data: [answer] };
      return isDeepStrictEqual(decoded(writeReply(id, answer).message()), decoded(written(packet)));
    }),
  );
  fc.assert(
    fc.property(deliver, (message) => {
      const packet = { type: 2, nsp: '/', data: ['deliver', message] };
      const byHand = writeDeliver(message as unknown as Deliver).message();
      return isDeepStrictEqual(decoded(byHand), decoded(written(packet)));
    }),
  );
});

test.each([
  [0, '8200'],
  [125, '827d'],
  [126, '827e007e'],
  [65_535, '827effff'],
  [65_536, '827f0000000000010000'],
])('a frame of %d bytes has the head of RFC 6455', (length, head) => {
  const writer = new MessagePackWriter(length);
  writer.raw(Buffer.alloc(length, 7));
  expect(writer.message().equals(Buffer.alloc(length, 7))).toBe(true);
  expect(writer.frame().equals(Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(length, 7)]))).toBe(true);
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
