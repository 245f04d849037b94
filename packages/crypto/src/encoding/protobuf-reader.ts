import { CryptoError } from '../errors.js';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

function invalid(why: string): CryptoError {
  return new CryptoError('invalid-protobuf', why);
}

/**
 * Bounded protobuf reader over one message. Unknown fields are skipped; every read stays inside the input; work is
 * linear in its length. All failures are `invalid-protobuf`.
 *
 * ```ts
 * const reader = new ProtobufReader(bytes);
 * while (reader.next()) {
 *   if (reader.field === 1) key = reader.bytes();
 *   else reader.skip();
 * }
 * ```
 */
export class ProtobufReader {
  /** Number of the field that {@link next} found. */
  field = 0;
  #wireType = VARINT;
  #offset = 0;
  readonly #input: Uint8Array;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#offset === this.#input.length) return false;
    const key = this.#varint();
    if (key > 0xffff_ffff) throw invalid('field key out of range');
    this.field = Math.floor(key / 8);
    this.#wireType = key % 8;
    if (this.field === 0) throw invalid('field number 0');
    return true;
  }

  /** Value of a uint32 field: the low 32 bits of its varint, as protobuf prescribes. */
  uint32(): number {
    this.#expect(VARINT);
    return this.#varintLow32();
  }

  /** Value of a uint64 field; above 2^53 - 1 it is refused, for nothing we read needs it. */
  uint64(): number {
    this.#expect(VARINT);
    const value = this.#varint();
    if (!Number.isSafeInteger(value)) throw invalid('integer above 2^53 - 1');
    return value;
  }

  /** Value of a fixed64 field; above 2^53 - 1 it is refused. */
  fixed64(): number {
    this.#expect(FIXED64);
    const bytes = this.#take(8);
    let value = 0;
    for (let i = 7; i >= 0; i--) value = value * 256 + (bytes[i] ?? 0);
    if (!Number.isSafeInteger(value)) throw invalid('integer above 2^53 - 1');
    return value;
  }

  /** A view (no copy) of a length-delimited field. */
  bytes(): Uint8Array {
    this.#expect(LENGTH_DELIMITED);
    return this.#take(this.#varint());
  }

  skip(): void {
    switch (this.#wireType) {
      case VARINT:
        this.#varintLow32();
        return;
      case FIXED64:
        this.#take(8);
        return;
      case LENGTH_DELIMITED:
        this.#take(this.#varint());
        return;
      case FIXED32:
        this.#take(4);
        return;
      default:
        throw invalid(`wire type ${this.#wireType}`);
    }
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw invalid(`field ${this.field} has wire type ${this.#wireType}`);
  }

  #take(length: number): Uint8Array {
    if (length > this.#input.length - this.#offset) throw invalid('field ends outside of the message');
    const start = this.#offset;
    this.#offset = start + length;
    return this.#input.subarray(start, this.#offset);
  }

  #byte(): number {
    const byte = this.#input[this.#offset];
    if (byte === undefined) throw invalid('unterminated varint');
    this.#offset++;
    return byte;
  }

  /** Full value, possibly inexact above 2^53 (callers check). */
  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw invalid('varint longer than 10 bytes');
  }

  #varintLow32(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      if (i < 5) value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value >>> 0;
    }
    throw invalid('varint longer than 10 bytes');
  }
}
