/**
 * Array parameters in PostgreSQL's binary format (`array_send`): twice as fast as text arrays for ciphertext, and
 * nothing in them can be misread as syntax.
 *
 *     i32 dimensions = 1 | i32 has nulls | u32 element type | i32 length | i32 lower bound = 1 | (i32 size | bytes)*
 */
const HEADER = 20;

/** Empty arrays have no dimension, and end after the element type. */
function header(elementType: number, length: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(length === 0 ? 12 : size);
  bytes.writeInt32BE(length === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeUInt32BE(elementType, 8);
  if (length === 0) return bytes;
  bytes.writeInt32BE(length, 12);
  bytes.writeInt32BE(1, 16);
  return bytes;
}

/** @param write puts a value at an offset */
function fixedArray<Value>(
  elementType: number,
  size: number,
  values: readonly (Value | null)[],
  write: (bytes: Buffer, value: Value, at: number) => unknown,
): Uint8Array {
  const bytes = header(elementType, values.length, HEADER + values.length * (4 + size));
  let at = HEADER;
  for (const value of values) {
    at = bytes.writeInt32BE(value === null ? -1 : size, at);
    if (value === null) {
      bytes.writeInt32BE(1, 4);
      continue;
    }
    write(bytes, value, at);
    at += size;
  }
  return values.length === 0 ? bytes : bytes.subarray(0, at);
}

/** `null` stands for SQL's NULL. */
export function byteaArray(values: readonly (Uint8Array | null)[]): Uint8Array {
  let size = HEADER;
  for (const value of values) size += 4 + (value?.length ?? 0);
  const bytes = header(17, values.length, size);
  let at = HEADER;
  for (const value of values) {
    at = bytes.writeInt32BE(value ? value.length : -1, at);
    if (!value) {
      bytes.writeInt32BE(1, 4);
      continue;
    }
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

/** @param values hyphenated UUIDs, or their 16 bytes; `null` stands for SQL's NULL */
export function uuidArray(values: readonly (string | Uint8Array | null)[]): Uint8Array {
  return fixedArray(2950, 16, values, (bytes, value, at) => {
    if (typeof value === 'string') writeUuid(bytes, value, at);
    else bytes.set(value, at);
  });
}

function writeUuid(bytes: Buffer, uuid: string, start: number): void {
  let at = start;
  for (let index = 0; index < 36; index += 2) {
    if (index === 8 || index === 13 || index === 18 || index === 23) index++;
    bytes[at++] = (nibble(uuid.charCodeAt(index)) << 4) | nibble(uuid.charCodeAt(index + 1));
  }
}

/** Of an ASCII hexadecimal digit. */
function nibble(code: number): number {
  return code < 0x3a ? code - 0x30 : (code | 0x20) - 0x57;
}

export function int4Array(values: readonly number[]): Uint8Array {
  return fixedArray(23, 4, values, (bytes, value, at) => bytes.writeInt32BE(value, at));
}

/** @param values whole numbers from 0 to 2^53 */
export function int8Array(values: readonly number[]): Uint8Array {
  return fixedArray(20, 8, values, (bytes, value, at) => {
    bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
    bytes.writeUInt32BE(value >>> 0, at + 4);
  });
}
