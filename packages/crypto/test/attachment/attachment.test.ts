import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { HEADER_BYTES, layoutOf, TAG_BYTES } from '../../src/attachment/attachment-format.js';
import { chunkCipher, nobleCipher, webCryptoCipher } from '../../src/attachment/chunk-cipher.js';
import {
  decryptAttachment,
  encryptAttachment,
  generateAttachmentKey,
  openAttachment,
  sealedAttachmentSize,
} from '../../src/attachment/index.js';
import { findSubtle } from '../../src/webcrypto/platform.js';
import { hex, toHex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { vectors } from '../support/json.js';
import { seededNumbers, seededRandom } from '../support/random.js';

const { cases } = vectors('attachment-v1') as {
  cases: {
    chunkSizeLog2: number;
    size: number;
    key: string;
    salt: string;
    cipherKey: string;
    noncePrefix: string;
    sealedSha256: string;
    sealed?: string;
  }[];
};

const random = seededRandom(41);
const key = generateAttachmentKey(random);
const CHUNK = 4096;
const SEALED_CHUNK = CHUNK + TAG_BYTES;

function content(size: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (31 * i + (i >> 8) + seed) & 0xff);
}

/** Sends bytes through a stream, in pieces of the given size. */
async function pipe(
  bytes: Uint8Array,
  through: TransformStream<Uint8Array, Uint8Array>,
  pieceSize = 1000,
): Promise<Uint8Array> {
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let at = 0; at < bytes.length; at += pieceSize) controller.enqueue(bytes.subarray(at, at + pieceSize));
      controller.close();
    },
  });
  const parts: Uint8Array[] = [];
  for await (const part of source.pipeThrough(through)) parts.push(part);
  return Uint8Array.from(Buffer.concat(parts));
}

const seal = (bytes: Uint8Array, chunkSizeLog2 = 12): Promise<Uint8Array> =>
  pipe(bytes, encryptAttachment({ key, random, chunkSizeLog2 }));

function readerOf(sealed: Uint8Array, withKey = key) {
  const reads: [number, number][] = [];
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    reads.push([start, end]);
    return sealed.subarray(start, end);
  };
  return { reads, open: () => openAttachment({ key: withKey, sealedSize: sealed.length, read }) };
}

const corrupt = expect.objectContaining({ name: 'CryptoError', code: 'corrupt-attachment' }) as Error;

describe('vectors', () => {
  test.each(cases)('$size bytes in chunks of 2^$chunkSizeLog2', async (vector) => {
    const bytes = content(vector.size, cases.indexOf(vector));
    const options = { key: hex(vector.key), random: () => hex(vector.salt), chunkSizeLog2: vector.chunkSizeLog2 };
    const sealed = await pipe(bytes, encryptAttachment(options), 777);
    if (vector.sealed !== undefined) expect(toHex(sealed)).toBe(vector.sealed);
    expect(createHash('sha256').update(sealed).digest('hex')).toBe(vector.sealedSha256);
    expect(sealed).toHaveLength(sealedAttachmentSize(vector.size, vector.chunkSizeLog2));
    const layout = layoutOf(hex(vector.key), sealed.subarray(0, HEADER_BYTES));
    expect([toHex(layout.cipherKey), toHex(layout.noncePrefix)]).toEqual([vector.cipherKey, vector.noncePrefix]);
    expect(toHex(await pipe(sealed, decryptAttachment({ key: hex(vector.key) })))).toBe(toHex(bytes));
  });
});

describe('a stream', () => {
  test.each([0, 1, 4095, 4096, 4097, 12288, 20_000])('of %i bytes comes back, however it is cut', async (size) => {
    const bytes = content(size);
    for (const pieceSize of [1, 17, 4096, 4112, 100_000]) {
      if (pieceSize === 1 && size > 5000) continue;
      const sealed = await pipe(bytes, encryptAttachment({ key, random, chunkSizeLog2: 12 }), pieceSize);
      expect(toHex(await pipe(sealed, decryptAttachment({ key }), pieceSize))).toBe(toHex(bytes));
    }
  });

  test('holds no more than a chunk back, and never asks for the whole', async () => {
    const through = encryptAttachment({ key, random, chunkSizeLog2: 12 });
    const writer = through.writable.getWriter();
    const reader = through.readable.getReader();
    await reader.read();
    for (let i = 0; i < 50; i++) {
      void writer.write(content(CHUNK));
      if (i > 0) expect((await reader.read()).value).toHaveLength(SEALED_CHUNK);
    }
    void writer.close();
    expect((await reader.read()).value).toHaveLength(SEALED_CHUNK);
    expect((await reader.read()).done).toBe(true);
  });

  test('of something else than bytes is refused', async () => {
    const source = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue('text' as unknown as Uint8Array),
    });
    const reader = source.pipeThrough(encryptAttachment({ key, random })).getReader();
    await reader.read();
    await expect(reader.read()).rejects.toThrow(expect.objectContaining({ code: 'invalid-argument' }) as Error);
  });
});

describe('what an attacker does to it is noticed', () => {
  const size = 3 * CHUNK + 100;
  const tampering: Record<string, (sealed: Uint8Array) => Uint8Array> = {
    'cut in the header': (sealed) => sealed.subarray(0, 10),
    'cut after the header': (sealed) => sealed.subarray(0, HEADER_BYTES),
    'cut between chunks': (sealed) => sealed.subarray(0, HEADER_BYTES + 2 * SEALED_CHUNK),
    'cut by one byte': (sealed) => sealed.subarray(0, -1),
    'without its last chunk': (sealed) => sealed.subarray(0, HEADER_BYTES + 3 * SEALED_CHUNK),
    'two chunks exchanged': (sealed) => {
      const chunks = chunksOf(sealed);
      return join(sealed, [chunks[1], chunks[0], chunks[2], chunks[3]]);
    },
    'a chunk left out': (sealed) => {
      const chunks = chunksOf(sealed);
      return join(sealed, [chunks[0], chunks[2], chunks[3]]);
    },
    'a chunk repeated': (sealed) => {
      const chunks = chunksOf(sealed);
      return join(sealed, [chunks[0], chunks[0], chunks[1], chunks[2], chunks[3]]);
    },
    'a byte appended': (sealed) => Uint8Array.of(...sealed, 0),
    'another chunk size': (sealed) => flip(sealed, 1, 1),
    'another salt': (sealed) => flip(sealed, 5, 1),
    'a flipped bit in the first chunk': (sealed) => flip(sealed, 30, 4),
    'a flipped bit in the last tag': (sealed) => flip(sealed, sealed.length - 1, 0x80),
  };

  test.each(Object.entries(tampering))('%s', async (_, tamper) => {
    const sealed = tamper(await seal(content(size)));
    await expect(pipe(sealed, decryptAttachment({ key }))).rejects.toThrow(corrupt);
    const reading = readerOf(sealed)
      .open()
      .then(async (reader) => reader.read(0, reader.size));
    await expect(reading).rejects.toThrow(corrupt);
  });

  test('another key, another version', async () => {
    const sealed = await seal(content(size));
    await expect(pipe(sealed, decryptAttachment({ key: generateAttachmentKey(random) }))).rejects.toThrow(corrupt);
    await expect(readerOf(sealed, generateAttachmentKey(random)).open()).rejects.toThrow(corrupt);
    const newer = expect.objectContaining({ code: 'unrecognized-version' }) as Error;
    await expect(pipe(flip(sealed, 0, 2), decryptAttachment({ key }))).rejects.toThrow(newer);
  });

  test('wrong arguments', () => {
    expectCode('invalid-argument', () => encryptAttachment({ key: new Uint8Array(31), random }));
    expectCode('invalid-argument', () => encryptAttachment({ key, random, chunkSizeLog2: 11 }));
    expectCode('invalid-argument', () => encryptAttachment({ key, random, chunkSizeLog2: 21 }));
  });
});

function chunksOf(sealed: Uint8Array): Uint8Array[] {
  const body = sealed.subarray(HEADER_BYTES);
  const count = Math.ceil(body.length / SEALED_CHUNK);
  return Array.from({ length: count }, (_, i) => body.subarray(i * SEALED_CHUNK, (i + 1) * SEALED_CHUNK));
}

function join(sealed: Uint8Array, chunks: (Uint8Array | undefined)[]): Uint8Array {
  return Uint8Array.from(
    Buffer.concat([sealed.subarray(0, HEADER_BYTES), ...chunks.map((chunk) => chunk ?? new Uint8Array())]),
  );
}

function flip(bytes: Uint8Array, at: number, bits: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[at] = (flipped[at] ?? 0) ^ bits;
  return flipped;
}

describe('seeking', () => {
  test.each([0, 1, CHUNK, CHUNK + 1, 5 * CHUNK, 5 * CHUNK + 77])('any range of %i bytes', async (size) => {
    const bytes = content(size);
    const reader = await readerOf(await seal(bytes)).open();
    expect(reader.size).toBe(size);
    const chance = seededNumbers(size + 1);
    for (let i = 0; i < 40; i++) {
      const start = Math.floor(chance() * (size + 10));
      const end = start + Math.floor(chance() * 2 * CHUNK);
      expect(toHex(await reader.read(start, end))).toBe(toHex(bytes.subarray(start, end)));
    }
    expect(toHex(await reader.read(0, Infinity))).toBe(toHex(bytes));
  });

  test('reads only the header, the last chunk, and the chunks of the range', async () => {
    const { reads, open } = readerOf(await seal(content(10 * CHUNK)));
    const reader = await open();
    await reader.read(4 * CHUNK + 5, 4 * CHUNK + 10);
    expect(reads).toEqual([
      [0, HEADER_BYTES],
      [HEADER_BYTES + 9 * SEALED_CHUNK, HEADER_BYTES + 10 * SEALED_CHUNK],
      [HEADER_BYTES + 4 * SEALED_CHUNK, HEADER_BYTES + 5 * SEALED_CHUNK],
    ]);
    await expect(reader.read(5, 4)).rejects.toThrow(expect.objectContaining({ code: 'invalid-argument' }) as Error);
  });
});

test('WebCrypto and noble give the same bytes', async () => {
  const subtle = findSubtle();
  if (subtle === null) throw new Error('no WebCrypto here');
  const cipherKey = random(32);
  const nonce = random(12);
  const ciphers = [await webCryptoCipher(subtle, cipherKey), nobleCipher(cipherKey), await chunkCipher(cipherKey)];
  const sealed = await Promise.all(ciphers.map(async (cipher) => toHex(await cipher.encrypt(nonce, content(5000)))));
  expect(new Set(sealed).size).toBe(1);
  for (const cipher of ciphers) {
    expect(toHex((await cipher.decrypt(nonce, hex(sealed[0] ?? ''))) ?? new Uint8Array())).toBe(toHex(content(5000)));
    expect(await cipher.decrypt(random(12), hex(sealed[0] ?? ''))).toBeNull();
  }
});
