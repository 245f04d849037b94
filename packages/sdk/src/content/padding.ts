/**
 * Plaintexts are padded so that ciphertext sizes say only which bucket a message falls into. ISO/IEC 7816-4: one byte
 * 0x80, then zeros, up to the next bucket.
 */

/** 256 bytes hold most chat messages with their header twice over; from there powers of two keep the waste below half. */
const SMALLEST_BUCKET = 256;
const LARGEST_BUCKET = 64 * 1024;

/** The longest plaintext that fits the largest bucket with its marker byte. */
export const MAX_PADDED_BYTES = LARGEST_BUCKET - 1;

const MARKER = 0x80;

/**
 * @param content at most {@link MAX_PADDED_BYTES} bytes
 * @throws RangeError if it is longer: callers bound their input before
 */
export function pad(content: Uint8Array): Uint8Array {
  if (content.length > MAX_PADDED_BYTES) throw new RangeError('content exceeds the largest padding bucket');
  let bucket = SMALLEST_BUCKET;
  while (bucket < content.length + 1) bucket *= 2;
  const padded = new Uint8Array(bucket);
  padded.set(content);
  padded[content.length] = MARKER;
  return padded;
}

/** @returns the content, or null if the padding is malformed */
export function unpad(padded: Uint8Array): Uint8Array | null {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  return end >= 0 && padded[end] === MARKER ? padded.subarray(0, end) : null;
}
