import { ByteWriter } from './byte-writer.js';

const FIXED64 = 1;
const LENGTH_DELIMITED = 2;

/**
 * The part of protobuf that the Signal messages use: varint, fixed64 and length-delimited fields, written in the order
 * of the calls (callers go in ascending field number, as the specification asks). Bytes outside of any field, such as
 * version bytes and MACs, go in by `byte` and `raw`.
 */
export class ProtobufWriter extends ByteWriter {
  constructor(capacity = 256) {
    super(capacity);
  }

  /** uint32 field; zero is written too (fields described as "always"). */
  uint32(field: number, value: number): this {
    return this.varint(field << 3).varint(value);
  }

  /** uint64 field for a non-negative safe integer. */
  uint64(field: number, value: number): this {
    return this.uint32(field, value);
  }

  /** fixed64 field, little-endian, for a non-negative safe integer. */
  fixed64(field: number, value: number): this {
    this.varint((field << 3) | FIXED64);
    let rest = value;
    for (let i = 0; i < 8; i++) {
      this.byte(rest % 256);
      rest = Math.floor(rest / 256);
    }
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return this.varint((field << 3) | LENGTH_DELIMITED)
      .varint(value.length)
      .raw(value);
  }
}
