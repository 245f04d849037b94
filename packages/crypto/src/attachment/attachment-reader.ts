/** Reading any part of an encrypted attachment without reading the rest: seeking in a video, ranges of a remote file. */
import { CryptoError } from '../errors.js';
import { type AttachmentLayout, HEADER_BYTES, layoutOf, measure, TAG_BYTES } from './attachment-format.js';
import { openChunk } from './attachment-stream.js';
import { type ChunkCipher, chunkCipher } from './chunk-cipher.js';

export interface AttachmentSource {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Bytes of the encrypted form. */
  readonly sealedSize: number;
  /** Bytes `start` up to, not including, `end` of the encrypted form. Fewer bytes than asked for count as damage. */
  readonly read: (start: number, end: number) => Promise<Uint8Array>;
}

export interface AttachmentReader {
  /** Bytes of the attachment, authenticated. */
  readonly size: number;
  /**
   * Bytes `start` up to, not including, `end`; clipped to the attachment. Reads whole chunks from the source.
   * @throws CryptoError `corrupt-attachment`, `invalid-argument` when `start` is negative or above `end`
   */
  read(start: number, end: number): Promise<Uint8Array>;
}

/**
 * Opens an attachment for reading at any place. The last chunk is read and checked at once: it vouches for the size, so an
 * attachment that was cut short is refused before any of it is shown.
 *
 * @throws CryptoError `corrupt-attachment`, `unrecognized-version`, `invalid-argument` for a wrong key length
 */
export async function openAttachment({ key, sealedSize, read }: AttachmentSource): Promise<AttachmentReader> {
  const layout = layoutOf(key, await read(0, HEADER_BYTES));
  const { size, chunks } = measure(sealedSize, layout.chunkSize);
  const cipher = await chunkCipher(layout.cipherKey);
  const chunkAt = (index: number): Promise<Uint8Array> =>
    readChunk({ layout, cipher, chunks, sealedSize, read }, index);
  await chunkAt(chunks - 1);
  return { size, read: (start, end) => readRange({ size, chunkSize: layout.chunkSize, chunkAt }, start, end) };
}

interface OpenedSource extends Pick<AttachmentSource, 'read' | 'sealedSize'> {
  readonly layout: AttachmentLayout;
  readonly cipher: ChunkCipher;
  readonly chunks: number;
}

async function readChunk(opened: OpenedSource, index: number): Promise<Uint8Array> {
  const { layout, cipher, chunks, sealedSize, read } = opened;
  const start = HEADER_BYTES + index * (layout.chunkSize + TAG_BYTES);
  const sealed = await read(start, Math.min(start + layout.chunkSize + TAG_BYTES, sealedSize));
  return openChunk(layout, cipher, { index, isLast: index === chunks - 1, sealed });
}

interface Range {
  readonly size: number;
  readonly chunkSize: number;
  readonly chunkAt: (index: number) => Promise<Uint8Array>;
}

async function readRange({ size, chunkSize, chunkAt }: Range, start: number, end: number): Promise<Uint8Array> {
  if (!(start >= 0 && start <= end)) throw new CryptoError('invalid-argument', 'not a range');
  const stop = Math.min(end, size);
  const range = new Uint8Array(Math.max(0, stop - start));
  for (let index = Math.floor(start / chunkSize); index * chunkSize < stop; index++) {
    const chunkStart = index * chunkSize;
    const chunk = await chunkAt(index);
    const from = Math.max(start, chunkStart);
    range.set(chunk.subarray(from - chunkStart, stop - chunkStart), from - start);
  }
  return range;
}
