/**
 * Array parameters in PostgreSQL's binary format (`array_send`): twice as fast as text arrays for ciphertext, and
 * nothing in them can be misread as syntax.
 *
 *     i32 dimensions = 1 | i32 has nulls = 0 | u32 element type | i32 length | i32 lower bound = 1 | (i32 size | bytes)*
 */
function binaryArray(elementType: number, elements: readonly Uint8Array[]): Uint8Array {
  const size = elements.reduce((total, element) => total + 4 + element.length, 20);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(elements.length === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeUInt32BE(elementType, 8);
  if (elements.length === 0) return bytes.subarray(0, 12);
  bytes.writeInt32BE(elements.length, 12);
  bytes.writeInt32BE(1, 16);
  let at = 20;
  for (const element of elements) {
    at = bytes.writeInt32BE(element.length, at);
    bytes.set(element, at);
    at += element.length;
  }
  return bytes;
}

export function textArray(values: readonly string[]): Uint8Array {
  return binaryArray(
    25,
    values.map((value) => Buffer.from(value)),
  );
}

export function byteaArray(values: readonly Uint8Array[]): Uint8Array {
  return binaryArray(17, values);
}

/** @param values hyphenated UUIDs, or their 16 bytes */
export function uuidArray(values: readonly (string | Uint8Array)[]): Uint8Array {
  return binaryArray(
    2950,
    values.map((value) => (typeof value === 'string' ? Buffer.from(value.replaceAll('-', ''), 'hex') : value)),
  );
}

export function int4Array(values: readonly number[]): Uint8Array {
  return binaryArray(
    23,
    values.map((value) => {
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeInt32BE(value);
      return bytes;
    }),
  );
}

export function int8Array(values: readonly number[]): Uint8Array {
  return binaryArray(
    20,
    values.map((value) => {
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeBigInt64BE(BigInt(value));
      return bytes;
    }),
  );
}
