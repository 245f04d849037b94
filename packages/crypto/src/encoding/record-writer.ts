import { ByteWriter } from './byte-writer.js';

/**
 * Writer of our own storage formats: fixed-width big-endian integers, fixed-length and length-prefixed byte strings.
 */
export class RecordWriter extends ByteWriter {
  constructor(capacity = 1024) {
    super(capacity);
  }

  u8(value: number): this {
    return this.byte(value);
  }

  /** 6 bytes hold every time in milliseconds and every counter that we store. */
  u48(value: number): this {
    const high = Math.floor(value / 0x1_0000_0000);
    return this.byte(high >>> 8)
      .byte(high)
      .u32(value >>> 0);
  }

  /** Bytes whose length the reader knows. */
  fixed(value: Uint8Array): this {
    return this.raw(value);
  }

  /** LEB128 length, then the bytes. */
  bytes(value: Uint8Array): this {
    return this.varint(value.length).raw(value);
  }

  /** A record inside this one: u32 length, then what `write` appends. */
  nested(write: (writer: this) => void): this {
    const start = this.u32(0).length;
    write(this);
    this.setU32(start - 4, this.length - start);
    return this;
  }
}
