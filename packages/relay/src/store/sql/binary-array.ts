const INT8 = 20;
const INT4 = 23;
const BYTEA = 17;
const UUID = 2950;

const HEADER = 20;

/**
 * An array parameter in PostgreSQL's binary format (`array_send`), written value by value: twice as fast as text arrays for
 * ciphertext, and nothing in them can be misread as syntax.
 *
 *     i32 dimensions = 1 | i32 has nulls | u32 element type | i32 length | i32 lower bound = 1 | (i32 size | bytes)*
 *
 * Empty arrays have no dimension, and end after the element type.
 */
export class BinaryArray {
  readonly #bytes: Buffer;
  #at = HEADER;
  #length = 0;

  private constructor(elementType: number, capacity: number) {
    this.#bytes = Buffer.allocUnsafe(HEADER + capacity);
    this.#bytes.fill(0, 0, HEADER);
    this.#bytes.writeUInt32BE(elementType, 8);
  }

  /** @param length an upper bound, as in the others */
  static int4(length: number): BinaryArray {
    return new BinaryArray(INT4, length * 8);
  }

  static int8(length: number): BinaryArray {
    return new BinaryArray(INT8, length * 12);
  }

  static uuid(length: number): BinaryArray {
    return new BinaryArray(UUID, length * 20);
  }

  /** @param bytes of all values together, at most */
  static bytea(length: number, bytes: number): BinaryArray {
    return new BinaryArray(BYTEA, length * 4 + bytes);
  }

  int4(value: number): void {
    this.#begin(4);
    this.#word(value);
  }

  /** @param value a whole number from 0 to 2^53 */
  int8(value: number): void {
    this.#begin(8);
    this.#word(Math.floor(value / 2 ** 32));
    this.#word(value);
  }

  /** @param value a hyphenated UUID */
  uuid(value: string): void {
    this.#begin(16);
    writeUuid(this.#bytes, value, this.#at);
    this.#at += 16;
  }

  /** Of `bytea`, or the 16 of a UUID. */
  binary(value: Uint8Array): void {
    this.#begin(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  null(): void {
    this.#begin(-1);
    this.#bytes[7] = 1;
  }

  /** Nothing can be added any more. */
  end(): Uint8Array {
    if (this.#length === 0) return this.#bytes.subarray(0, 12);
    this.#bytes[3] = 1;
    this.#bytes[19] = 1;
    this.#bytes.writeInt32BE(this.#length, 12);
    return this.#bytes.subarray(0, this.#at);
  }

  #begin(size: number): void {
    this.#length++;
    this.#word(size);
  }

  #word(value: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.#at = at + 4;
  }
}

/** The 16 bytes of a hyphenated UUID. */
export function uuidBytes(value: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(16);
  writeUuid(bytes, value, 0);
  return bytes;
}

function writeUuid(bytes: Buffer, value: string, start: number): void {
  let at = start;
  for (let index = 0; index < 36; index += 2) {
    if (index === 8 || index === 13 || index === 18 || index === 23) index++;
    bytes[at++] = (nibble(value.charCodeAt(index)) << 4) | nibble(value.charCodeAt(index + 1));
  }
}

/** Of an ASCII hexadecimal digit. */
function nibble(code: number): number {
  return code < 0x3a ? code - 0x30 : (code | 0x20) - 0x57;
}

/** @param values hyphenated UUIDs, or their 16 bytes */
export function uuidArray(values: readonly (string | Uint8Array)[]): Uint8Array {
  const array = BinaryArray.uuid(values.length);
  for (const value of values) {
    if (typeof value === 'string') array.uuid(value);
    else array.binary(value);
  }
  return array.end();
}

export function byteaArray(values: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const { length } of values) size += length;
  const array = BinaryArray.bytea(values.length, size);
  for (const value of values) array.binary(value);
  return array.end();
}

export function int4Array(values: readonly number[]): Uint8Array {
  const array = BinaryArray.int4(values.length);
  for (const value of values) array.int4(value);
  return array.end();
}

/** @param values whole numbers from 0 to 2^53 */
export function int8Array(values: readonly number[]): Uint8Array {
  const array = BinaryArray.int8(values.length);
  for (const value of values) array.int8(value);
  return array.end();
}
