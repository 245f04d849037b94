/** Encrypting and decrypting attachments as streams, in constant memory. */
import { CryptoError } from '../errors.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import {
  ATTACHMENT_KEY_BYTES,
  type AttachmentLayout,
  chunkNonce,
  corruptAttachment,
  DEFAULT_CHUNK_SIZE_LOG2,
  encodeHeader,
  HEADER_BYTES,
  layoutOf,
  SALT_BYTES,
  TAG_BYTES,
} from './attachment-format.js';
import { type ChunkCipher, chunkCipher } from './chunk-cipher.js';
import { ChunkQueue } from './chunk-queue.js';

/** A fresh key (32 bytes), for one attachment. */
export function generateAttachmentKey(random: RandomBytes): Uint8Array {
  return Uint8Array.from(draw(random, ATTACHMENT_KEY_BYTES));
}

export interface EncryptAttachmentOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Asked for 16 bytes. */
  readonly random: RandomBytes;
  /** Binary logarithm of the chunk size, 12 to 20; default 16, which is 64 KiB. */
  readonly chunkSizeLog2?: number;
}

/**
 * A stream that encrypts what goes through it: `file.stream().pipeThrough(encryptAttachment({ key, random }))`.
 * @throws CryptoError `invalid-argument` for a wrong key length or chunk size
 */
export function encryptAttachment(options: EncryptAttachmentOptions): TransformStream<Uint8Array, Uint8Array> {
  const { key, random, chunkSizeLog2 = DEFAULT_CHUNK_SIZE_LOG2 } = options;
  const header = encodeHeader(chunkSizeLog2, draw(random, SALT_BYTES));
  const layout = layoutOf(key, header);
  const queue = new ChunkQueue();
  const chunks = new ChunkCounter(layout, chunkCipher(layout.cipherKey));
  return new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(header),
    transform: async (bytes, controller) => {
      queue.push(checkBytes(bytes));
      // A full chunk waits for a byte after it: only then is it known not to be the last.
      while (queue.length > layout.chunkSize)
        controller.enqueue(await chunks.seal(queue.take(layout.chunkSize), false));
    },
    flush: async (controller) => controller.enqueue(await chunks.seal(queue.take(queue.length), true)),
  });
}

/**
 * A stream that decrypts what goes through it. Every byte that comes out is authentic and in its place; that the attachment is
 * whole is certain only when the stream ends without an error. Errors: CryptoError `corrupt-attachment` for a wrong key, and for
 * anything altered, moved, missing or added; `unrecognized-version`.
 *
 * @param options.key 32 bytes
 */
export function decryptAttachment({ key }: { readonly key: Uint8Array }): TransformStream<Uint8Array, Uint8Array> {
  const queue = new ChunkQueue();
  let opened: { layout: AttachmentLayout; chunks: ChunkCounter } | null = null;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: async (bytes, controller) => {
      queue.push(checkBytes(bytes));
      if (queue.length < HEADER_BYTES && opened === null) return;
      opened ??= openHeader(key, queue);
      const sealedSize = opened.layout.chunkSize + TAG_BYTES;
      while (queue.length > sealedSize) controller.enqueue(await opened.chunks.open(queue.take(sealedSize), false));
    },
    flush: async (controller) => {
      if (opened === null) throw corruptAttachment('header incomplete');
      controller.enqueue(await opened.chunks.open(queue.take(queue.length), true));
    },
  });
}

function openHeader(key: Uint8Array, queue: ChunkQueue): { layout: AttachmentLayout; chunks: ChunkCounter } {
  const layout = layoutOf(key, queue.take(HEADER_BYTES));
  return { layout, chunks: new ChunkCounter(layout, chunkCipher(layout.cipherKey)) };
}

function checkBytes(bytes: unknown): Uint8Array {
  if (!(bytes instanceof Uint8Array))
    throw new CryptoError('invalid-argument', 'an attachment is a stream of Uint8Array');
  return bytes;
}

/** Seals or opens the chunks of one attachment, one after the other. */
class ChunkCounter {
  readonly #layout: AttachmentLayout;
  readonly #cipher: Promise<ChunkCipher>;
  #index = 0;

  constructor(layout: AttachmentLayout, cipher: Promise<ChunkCipher>) {
    this.#layout = layout;
    this.#cipher = cipher;
  }

  async seal(plaintext: Uint8Array, isLast: boolean): Promise<Uint8Array> {
    const nonce = chunkNonce(this.#layout, this.#index++, isLast);
    return (await this.#cipher).encrypt(nonce, plaintext);
  }

  async open(sealed: Uint8Array, isLast: boolean): Promise<Uint8Array> {
    return openChunk(this.#layout, await this.#cipher, { index: this.#index++, isLast, sealed });
  }
}

/** A chunk and the place that it claims. */
export interface PlacedChunk {
  readonly index: number;
  readonly isLast: boolean;
  readonly sealed: Uint8Array;
}

/** @throws CryptoError `corrupt-attachment` */
export async function openChunk(
  layout: AttachmentLayout,
  cipher: ChunkCipher,
  { index, isLast, sealed }: PlacedChunk,
): Promise<Uint8Array> {
  const plaintext = sealed.length < TAG_BYTES ? null : await cipher.decrypt(chunkNonce(layout, index, isLast), sealed);
  if (plaintext === null) throw corruptAttachment(`chunk ${index} is not authentic in its place`);
  if (plaintext.length === 0 && index > 0) throw corruptAttachment('empty chunk');
  return plaintext;
}
