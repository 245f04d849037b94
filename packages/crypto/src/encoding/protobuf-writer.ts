/**
 * The part of protobuf that the Signal messages use: varint and length-delimited fields, written in the order of the
 * calls (callers go in ascending field number, as the specification asks).
 */
export class ProtobufWriter {
  #buffer: Uint8Array;
  #length = 0;

  /** @param capacity expected size in bytes; a wrong guess costs a copy, nothing else */
  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** Appends bytes as they are, outside any field: version bytes and MACs. */
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

  /** uint32 field; zero is written too (fields described as "always"). */
  uint32(field: number, value: number): this {
    this.#reserve(10);
    this.#varint((field << 3) >>> 0);
    this.#varint(value);
    return this;
  }

  /** uint64 field for a non-negative safe integer. */
  uint64(field: number, value: number): this {
    return this.uint32(field, value);
  }

  /** fixed64 field, little-endian, for a non-negative safe integer. */
  fixed64(field: number, value: number): this {
    this.#reserve(13);
    this.#varint(((field << 3) | 1) >>> 0);
    let rest = value;
    for (let i = 0; i < 8; i++) {
      this.#buffer[this.#length++] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#reserve(10 + value.length);
    this.#varint(((field << 3) | 2) >>> 0);
    this.#varint(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
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

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest = rest > 0xffff_ffff ? Math.floor(rest / 128) : rest >>> 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
