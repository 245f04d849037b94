import { CryptoError } from '../errors.js';

export function corrupt(why: string, cause?: unknown): CryptoError {
  return new CryptoError('corrupt-record', why, cause === undefined ? {} : { cause });
}

/** Reader of what {@link RecordWriter} wrote; anything unexpected is `corrupt-record`. Byte strings are copied out. */
export class RecordReader {
  readonly #input: Uint8Array;
  #offset = 0;

  constructor(input: Uint8Array) {
    if (!(input instanceof Uint8Array)) throw corrupt('a record is a Uint8Array');
    this.#input = input;
  }

  u8(): number {
    const byte = this.#input[this.#offset];
    if (byte === undefined) throw corrupt('record ends too early');
    this.#offset++;
    return byte;
  }

  /** One byte that must be 0 or 1. */
  flag(): boolean {
    const byte = this.u8();
    if (byte > 1) throw corrupt('flag is neither 0 nor 1');
    return byte === 1;
  }

  u32(): number {
    return ((this.u8() << 24) | (this.u8() << 16) | (this.u8() << 8) | this.u8()) >>> 0;
  }

  u48(): number {
    const high = this.u8() * 256 + this.u8();
    return high * 0x1_0000_0000 + this.u32();
  }

  fixed(length: number): Uint8Array {
    if (length > this.#input.length - this.#offset) throw corrupt('record ends too early');
    const start = this.#offset;
    this.#offset = start + length;
    return this.#input.slice(start, this.#offset);
  }

  /** @param maximum refused above this length, before anything is allocated */
  bytes(maximum = 0xffff_ffff): Uint8Array {
    const length = this.varint();
    if (length > maximum) throw corrupt('byte string too long');
    return this.fixed(length);
  }

  /** A record inside this one, which `read` must take to its end. */
  nested<T>(read: (reader: RecordReader) => T): T {
    const length = this.u32();
    if (length > this.#input.length - this.#offset) throw corrupt('record ends too early');
    const inner = new RecordReader(this.#input.subarray(this.#offset, this.#offset + length));
    this.#offset += length;
    const value = read(inner);
    inner.end();
    return value;
  }

  varint(): number {
    let value = 0;
    for (let i = 0; i < 5; i++) {
      const byte = this.u8();
      if (i === 4 && byte > 0x0f) throw corrupt('integer above 2^32 - 1');
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw corrupt('unterminated integer');
  }

  /** A count of at most `maximum` items. */
  count(maximum: number): number {
    const count = this.varint();
    if (count > maximum) throw corrupt(`more than ${maximum} entries`);
    return count;
  }

  /** Call last: trailing bytes mean that this is not the record it claims to be. */
  end(): void {
    if (this.#offset !== this.#input.length) throw corrupt('trailing bytes');
  }
}
