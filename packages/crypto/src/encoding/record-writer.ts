/**
 * Writer of our own storage formats: fixed-width big-endian integers, fixed-length and length-prefixed byte strings.
 */
export class RecordWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(capacity = 1024) {
    this.#buffer = new Uint8Array(capacity);
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    const buffer = this.#buffer;
    buffer[this.#length++] = value >>> 24;
    buffer[this.#length++] = value >>> 16;
    buffer[this.#length++] = value >>> 8;
    buffer[this.#length++] = value;
    return this;
  }

  /** 6 bytes hold every time in milliseconds and every counter that we store. */
  u48(value: number): this {
    this.#reserve(6);
    this.#buffer[this.#length++] = Math.floor(value / 0x100_0000_0000);
    this.#buffer[this.#length++] = Math.floor(value / 0x1_0000_0000);
    return this.u32(value >>> 0);
  }

  /** Bytes whose length the reader knows. */
  fixed(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** LEB128 length, then the bytes. */
  bytes(value: Uint8Array): this {
    return this.varint(value.length).fixed(value);
  }

  /** LEB128, up to 2^32 - 1. */
  varint(value: number): this {
    this.#reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A record inside this one: u32 length, then what `write` appends. */
  nested(write: (writer: this) => void): this {
    this.u32(0);
    const start = this.#length;
    write(this);
    const end = this.#length;
    this.#length = start - 4;
    this.u32(end - start);
    this.#length = end;
    return this;
  }

  finish(): Uint8Array {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#length);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
