/** A growing buffer: what {@link ProtobufWriter} and {@link RecordWriter} have in common. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  /** @param capacity expected size in bytes; a wrong guess costs a copy, nothing else */
  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  /** Big-endian. */
  u32(value: number): this {
    this.#reserve(4);
    this.#length += 4;
    this.setU32(this.#length - 4, value);
    return this;
  }

  /** Overwrites four bytes that were written before. */
  setU32(offset: number, value: number): void {
    this.#buffer[offset] = value >>> 24;
    this.#buffer[offset + 1] = value >>> 16;
    this.#buffer[offset + 2] = value >>> 8;
    this.#buffer[offset + 3] = value;
  }

  /** LEB128 of a non-negative safe integer. */
  varint(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest = rest > 0xffff_ffff ? Math.floor(rest / 128) : rest >>> 7;
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A view of what was written so far, valid until the next write. */
  written(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** The finished bytes, in a buffer of exactly their size. */
  finish(): Uint8Array {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#length);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.written());
    this.#buffer = grown;
  }
}
