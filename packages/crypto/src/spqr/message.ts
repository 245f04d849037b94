/** The bytes that SPQR attaches to a message, field 5 of SignalMessage (spqr.md 2). */
import type { Chunk } from './erasure-code.js';
import { CHUNK_BYTES, MAX_CHUNK_INDEX } from './erasure-code.js';
import { invalidSpqr } from './spqr-error.js';

/** First byte of every message; 0 stands for "no SPQR". */
export const SPQR_VERSION = 1;

const MAX_INDEX = 0xffff_ffff;
/** Of a 64-bit varint; overlong forms up to this length are accepted. */
const MAX_VARINT_BYTES = 10;

/** The type byte is the place in this list. */
const MESSAGE_TYPES = ['none', 'hdr', 'ek', 'ekCt1Ack', 'ct1Ack', 'ct1', 'ct2'] as const;

export type MessageType = (typeof MESSAGE_TYPES)[number];
/** The types that carry a chunk. */
export type ChunkType = Exclude<MessageType, 'none' | 'ct1Ack'>;

/** What the Braid says in one message. */
export type Payload = { readonly type: 'none' | 'ct1Ack' } | { readonly type: ChunkType; readonly chunk: Chunk };

export interface SpqrMessage {
  /** The sender's Braid epoch, from 1. The message key comes from the chain of the epoch before. */
  readonly epoch: number;
  /** Position in that chain, from 1; 0: no key. */
  readonly index: number;
  readonly payload: Payload;
}

/** 4 bytes and more without a chunk, 37 and more with one. */
export function encodeMessage({ epoch, index, payload }: SpqrMessage): Uint8Array {
  const bytes = [SPQR_VERSION];
  pushVarint(bytes, epoch);
  pushVarint(bytes, index);
  bytes.push(MESSAGE_TYPES.indexOf(payload.type));
  if (!('chunk' in payload)) return Uint8Array.from(bytes);
  pushVarint(bytes, payload.chunk.index);
  const message = new Uint8Array(bytes.length + CHUNK_BYTES);
  message.set(bytes);
  message.set(payload.chunk.data, bytes.length);
  return message;
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

/**
 * Parses a message of version 1. Bytes after it are ignored, as libsignal does.
 * @throws CryptoError `invalid-message`
 */
export function decodeMessage(bytes: Uint8Array): SpqrMessage {
  if (bytes[0] !== SPQR_VERSION) throw invalidSpqr('unknown version');
  const epoch = readVarint(bytes, 1);
  if (epoch.value === 0) throw invalidSpqr('epoch 0');
  const index = readVarint(bytes, epoch.end);
  if (index.value > MAX_INDEX) throw invalidSpqr('index out of range');
  const type = MESSAGE_TYPES[bytes[index.end] ?? MESSAGE_TYPES.length];
  if (type === undefined) throw invalidSpqr('unknown message type');
  const payload = type === 'none' || type === 'ct1Ack' ? { type } : { type, chunk: readChunk(bytes, index.end + 1) };
  return { epoch: epoch.value, index: index.value, payload };
}

function readChunk(bytes: Uint8Array, start: number): Chunk {
  const { value: index, end } = readVarint(bytes, start);
  if (index > MAX_CHUNK_INDEX) throw invalidSpqr('chunk index out of range');
  if (bytes.length < end + CHUNK_BYTES) throw invalidSpqr('chunk too short');
  return { index, data: bytes.slice(end, end + CHUNK_BYTES) };
}

/** No number above 2^53 is ever in range here, so all of them may read as infinity. */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw invalidSpqr('unterminated varint');
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value: Number.isSafeInteger(value) ? value : Infinity, end: start + i + 1 };
  }
  throw invalidSpqr('varint too long');
}
