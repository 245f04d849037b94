/**
 * Format of encrypted attachments, version 1 (docs/attachment.md): a header, then chunks of one size, each sealed by itself with a
 * nonce that says where it belongs and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár).
 */
import { CryptoError } from '../errors.js';
import { ascii, concat, u32be } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';

/** Secret of one attachment, sent inside a message. */
export const ATTACHMENT_KEY_BYTES = 32;
/** u8 version | u8 binary logarithm of the chunk size | salt 16. */
export const HEADER_BYTES = 18;
export const SALT_BYTES = 16;
/** Of AES-GCM, after every chunk. */
export const TAG_BYTES = 16;

const VERSION = 1;
/** 64 KiB: 0.03 % overhead, and a seek reads little that was not asked for. */
export const DEFAULT_CHUNK_SIZE_LOG2 = 16;
const MIN_CHUNK_SIZE_LOG2 = 12;
/** 1 MiB bounds what a reader must hold, whatever the header says. */
const MAX_CHUNK_SIZE_LOG2 = 20;
/** The number of a chunk is a u32 in its nonce. */
const MAX_CHUNKS = 2 ** 32;

const INFO = ascii('Sotto attachment v1');
const NONCE_PREFIX_BYTES = 7;

/** What the key and the header of an attachment say about its chunks. */
export interface AttachmentLayout {
  /** Plaintext bytes of every chunk but the last. */
  readonly chunkSize: number;
  /** AES-256 key, 32 bytes. */
  readonly cipherKey: Uint8Array;
  /** First 7 bytes of every nonce. */
  readonly noncePrefix: Uint8Array;
}

export function corruptAttachment(why: string): CryptoError {
  return new CryptoError('corrupt-attachment', why);
}

/** @throws CryptoError `invalid-argument` for a chunk size outside of 4 KiB to 1 MiB */
export function encodeHeader(chunkSizeLog2: number, salt: Uint8Array): Uint8Array {
  if (!isChunkSize(chunkSizeLog2)) throw new CryptoError('invalid-argument', 'chunk size out of range');
  return concat(Uint8Array.of(VERSION, chunkSizeLog2), salt);
}

function isChunkSize(log2: number): boolean {
  return Number.isInteger(log2) && log2 >= MIN_CHUNK_SIZE_LOG2 && log2 <= MAX_CHUNK_SIZE_LOG2;
}

/**
 * @param key 32 bytes
 * @param header 18 bytes
 * @throws CryptoError `invalid-argument` for a wrong key length, `corrupt-attachment`, `unrecognized-version`
 */
export function layoutOf(key: Uint8Array, header: Uint8Array): AttachmentLayout {
  if (key.length !== ATTACHMENT_KEY_BYTES) throw new CryptoError('invalid-argument', 'an attachment key has 32 bytes');
  if (header.length !== HEADER_BYTES) throw corruptAttachment('header incomplete');
  const [version, chunkSizeLog2 = 0] = header;
  if (version !== VERSION) throw new CryptoError('unrecognized-version', `attachment version ${version ?? 'missing'}`);
  if (!isChunkSize(chunkSizeLog2)) throw corruptAttachment('chunk size out of range');
  // The whole header goes into the keys: a different one opens nothing.
  const okm = hkdf(header.subarray(2), key, concat(INFO, header.subarray(0, 2)), 32 + NONCE_PREFIX_BYTES);
  return { chunkSize: 2 ** chunkSizeLog2, cipherKey: okm.slice(0, 32), noncePrefix: okm.slice(32) };
}

/** Nonce of a chunk: prefix 7 | u32be number | u8 1 for the last chunk, else 0. */
export function chunkNonce({ noncePrefix }: AttachmentLayout, index: number, isLast: boolean): Uint8Array {
  if (index >= MAX_CHUNKS) throw new CryptoError('invalid-argument', 'the attachment is too long');
  return concat(noncePrefix, u32be(index), Uint8Array.of(isLast ? 1 : 0));
}

/**
 * Bytes of the encrypted form of `size` bytes. An empty attachment has one empty chunk; no other chunk is empty.
 * @param chunkSizeLog2 default 16
 */
export function sealedAttachmentSize(size: number, chunkSizeLog2 = DEFAULT_CHUNK_SIZE_LOG2): number {
  return HEADER_BYTES + size + TAG_BYTES * chunkCount(size, 2 ** chunkSizeLog2);
}

function chunkCount(size: number, chunkSize: number): number {
  return Math.max(1, Math.ceil(size / chunkSize));
}

/** Plaintext bytes and chunks of an encrypted form. @throws CryptoError `corrupt-attachment` when no attachment has this size */
export function measure(sealedSize: number, chunkSize: number): { size: number; chunks: number } {
  const body = sealedSize - HEADER_BYTES;
  const chunks = Math.max(1, Math.ceil(body / (chunkSize + TAG_BYTES)));
  const size = body - TAG_BYTES * chunks;
  if (size < 0 || chunkCount(size, chunkSize) !== chunks) throw corruptAttachment('impossible size');
  return { size, chunks };
}
