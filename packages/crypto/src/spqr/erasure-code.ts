/**
 * Erasure code of the ML-KEM Braid (spqr.md 5).
 *
 * A message of k * 32 bytes is 16 lanes of k field elements; lane l is the polynomial of degree < k through its values at
 * x = 0..k-1. Chunk c holds the 16 polynomials at x = c: chunks below k are the message itself, and any k chunks give it
 * back. Both directions are one operation: knowing each lane at k places, evaluate it at another.
 */
import { fieldTables, GROUP_ORDER } from './gf65536.js';

/** Bytes of one chunk: 16 lanes of one 16-bit value. */
export const CHUNK_BYTES = 32;
/** Chunk indices are field elements. */
export const MAX_CHUNK_INDEX = 0xffff;

const LANES = CHUNK_BYTES / 2;

export interface Chunk {
  /** 0..65535: the place where the lanes are evaluated. */
  readonly index: number;
  /** 32 bytes: 16 big-endian values. */
  readonly data: Uint8Array;
}

/** Sends one message as an endless row of chunks. */
export interface Encoder {
  /** The message, a multiple of 32 bytes. */
  readonly message: Uint8Array;
  /** Index of the next chunk. */
  readonly next: number;
}

/** Collects chunks until `size` distinct ones are there. */
export interface Decoder {
  /** k: chunks that the message has. */
  readonly size: number;
  readonly chunks: readonly Chunk[];
}

/** @param message a positive multiple of 32 bytes */
export function createEncoder(message: Uint8Array): Encoder {
  if (message.length === 0 || message.length % CHUNK_BYTES !== 0) {
    throw new RangeError(`an erasure-coded message is a multiple of ${CHUNK_BYTES} bytes`);
  }
  return { message, next: 0 };
}

/** The next chunk, and the encoder after it. Indices run on past the message's own chunks and wrap at 2^16. */
export function nextChunk({ message, next }: Encoder): { chunk: Chunk; encoder: Encoder } {
  return { chunk: chunkAt(message, next), encoder: { message, next: (next + 1) & MAX_CHUNK_INDEX } };
}

/** Chunk `index` (0..65535) of a message (a multiple of 32 bytes). */
export function chunkAt(message: Uint8Array, index: number): Chunk {
  const size = message.length / CHUNK_BYTES;
  if (index < size) return { index, data: systematicChunk(message, index) };
  const known = Array.from({ length: size }, (_, i): Chunk => ({ index: i, data: systematicChunk(message, i) }));
  return { index, data: evaluate(known, lagrangeDenominators(known), index) };
}

function systematicChunk(message: Uint8Array, index: number): Uint8Array {
  return message.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
}

/** @param messageBytes length of the expected message, a multiple of 32 */
export function createDecoder(messageBytes: number): Decoder {
  return { size: messageBytes / CHUNK_BYTES, chunks: [] };
}

/** The decoder with one more chunk; a repeated index, or a chunk too many, changes nothing. */
export function addChunk(decoder: Decoder, chunk: Chunk): Decoder {
  const { size, chunks } = decoder;
  if (chunks.length >= size || chunks.some(({ index }) => index === chunk.index)) return decoder;
  return { size, chunks: [...chunks, chunk] };
}

/** The message, or null while fewer than `size` distinct chunks are there. */
export function decodedMessage({ size, chunks }: Decoder): Uint8Array | null {
  if (chunks.length < size) return null;
  const message = new Uint8Array(size * CHUNK_BYTES);
  const missing = new Set(Array.from({ length: size }, (_, i) => i));
  for (const { index, data } of chunks) {
    if (index < size) message.set(data, index * CHUNK_BYTES);
    missing.delete(index);
  }
  if (missing.size === 0) return message;
  const denominators = lagrangeDenominators(chunks);
  for (const index of missing) message.set(evaluate(chunks, denominators, index), index * CHUNK_BYTES);
  return message;
}

/** Logarithms of the products over j != i of (x_i + x_j): what `evaluate` divides by, whatever the place. */
function lagrangeDenominators(known: readonly Chunk[]): number[] {
  const { log } = fieldTables();
  return known.map(({ index: xi }) => {
    let sum = 0;
    for (const { index: xj } of known) if (xj !== xi) sum += log[xi ^ xj] ?? 0;
    return sum % GROUP_ORDER;
  });
}

/** All 16 lanes at x, which must not be one of the known places: sum of y_i * prod (x + x_j) / (x_i + x_j), j != i. */
function evaluate(known: readonly Chunk[], denominators: readonly number[], x: number): Uint8Array {
  const { log, exp } = fieldTables();
  let product = 0;
  for (const { index } of known) product += log[x ^ index] ?? 0;
  const lanes = new Uint16Array(LANES);
  for (const [i, { index, data }] of known.entries()) {
    const weight = product - (log[x ^ index] ?? 0) - (denominators[i] ?? 0);
    const logWeight = ((weight % GROUP_ORDER) + GROUP_ORDER) % GROUP_ORDER;
    for (let lane = 0; lane < LANES; lane++) {
      const y = ((data[2 * lane] ?? 0) << 8) | (data[2 * lane + 1] ?? 0);
      if (y !== 0) lanes[lane] = (lanes[lane] ?? 0) ^ (exp[(log[y] ?? 0) + logWeight] ?? 0);
    }
  }
  const data = new Uint8Array(CHUNK_BYTES);
  for (const [lane, value] of lanes.entries()) {
    data[2 * lane] = value >> 8;
    data[2 * lane + 1] = value & 0xff;
  }
  return data;
}
