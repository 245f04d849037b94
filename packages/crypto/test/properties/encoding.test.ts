import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtobufReader } from '../../src/encoding/protobuf-reader.js';
import { ProtobufWriter } from '../../src/encoding/protobuf-writer.js';
import { RecordReader } from '../../src/encoding/record-reader.js';
import { RecordWriter } from '../../src/encoding/record-writer.js';
import { CryptoError } from '../../src/index.js';
import { serviceIdFixedWidth } from '../../src/keys/address.js';
import { hex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';

const u32 = fc.nat(0xffff_ffff);

describe('protobuf codec', () => {
  test('reads back what it wrote', () => {
    const field = fc.record({
      number: fc.integer({ min: 1, max: 200 }),
      value: fc.oneof(u32, fc.uint8Array({ maxLength: 300 })),
    });
    fc.assert(
      fc.property(fc.array(field, { maxLength: 20 }), fc.nat(64), (fields, capacity) => {
        const writer = new ProtobufWriter(capacity);
        for (const { number, value } of fields) {
          if (typeof value === 'number') writer.uint32(number, value);
          else writer.bytes(number, value);
        }
        const reader = new ProtobufReader(writer.finish());
        for (const { number, value } of fields) {
          expect(reader.next()).toBe(true);
          expect(reader.field).toBe(number);
          expect(typeof value === 'number' ? reader.uint32() : Uint8Array.from(reader.bytes())).toEqual(value);
        }
        expect(reader.next()).toBe(false);
      }),
    );
  });

  test('fixed64 and uint64 keep safe integers', () => {
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (value) => {
        const reader = new ProtobufReader(new ProtobufWriter(0).fixed64(5, value).uint64(6, value).finish());
        reader.next();
        expect(reader.fixed64()).toBe(value);
        reader.next();
        expect(reader.uint64()).toBe(value);
      }),
    );
  });

  test('any bytes are skipped through or refused with a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const reader = new ProtobufReader(bytes);
        try {
          while (reader.next()) reader.skip();
        } catch (error) {
          expect(error).toBeInstanceOf(CryptoError);
        }
      }),
    );
  });

  test('a uint32 keeps the low 32 bits, an overlong varint is read, eleven bytes are not', () => {
    const read = (text: string) => {
      const reader = new ProtobufReader(hex(text));
      reader.next();
      return reader.uint32();
    };
    expect(read('08ffffffffffffffffff01')).toBe(0xffff_ffff);
    expect(read('088100')).toBe(1);
    expectCode('invalid-protobuf', () => read('08808080808080808080808001'));
    expectCode('invalid-protobuf', () => read('0880'));
    expectCode('invalid-protobuf', () => read('0a01'));
  });
});

describe('record codec', () => {
  test('reads back what it wrote', () => {
    fc.assert(
      fc.property(u32, fc.nat(2 ** 48 - 1), fc.uint8Array({ maxLength: 500 }), u32, (a, b, bytes, c) => {
        const written = new RecordWriter(0).u32(a).u48(b).bytes(bytes).varint(c).u8(7).finish();
        const reader = new RecordReader(written);
        expect([reader.u32(), reader.u48(), reader.bytes(), reader.varint(), reader.u8()]).toEqual([a, b, bytes, c, 7]);
        reader.end();
        expectCode('corrupt-record', () => reader.u8());
        expectCode('corrupt-record', () => new RecordReader(written).end());
      }),
    );
  });

  test('lengths and counts are bounded before anything is allocated', () => {
    expectCode('corrupt-record', () => new RecordReader(hex('ffffffff0f')).bytes());
    expectCode('corrupt-record', () => new RecordReader(hex('05aabbccddee')).bytes(4));
    expectCode('corrupt-record', () => new RecordReader(hex('0b')).count(10));
    expectCode('corrupt-record', () => new RecordReader(hex('ffffffff1f')).varint());
  });
});

test('every UUID is a service id in any case', () => {
  fc.assert(
    fc.property(fc.uuid(), (uuid) => {
      expect(serviceIdFixedWidth(uuid.toUpperCase())).toEqual(hex(`00${uuid.replaceAll('-', '')}`));
    }),
  );
});
