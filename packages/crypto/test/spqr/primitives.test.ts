import { describe, expect, test } from 'vitest';
import {
  epochSecret,
  macCiphertext,
  macHeader,
  startAuthenticator,
  updateAuthenticator,
} from '../../src/spqr/authenticator.js';
import { addEpoch, createEpochChain, sendKey } from '../../src/spqr/epoch-chain.js';
import {
  addChunk,
  chunkAt,
  createDecoder,
  createEncoder,
  decodedMessage,
  nextChunk,
} from '../../src/spqr/erasure-code.js';
import { divide, multiply } from '../../src/spqr/gf65536.js';
import {
  CT1_BYTES,
  decapsulate,
  encapsulateFirst,
  encapsulateSecond,
  encapsulationKey,
  isGenuineVector,
} from '../../src/spqr/incremental-ml-kem.js';
import { decodeMessage, encodeMessage, type MessageType, type Payload } from '../../src/spqr/message.js';
import { hex, toHex, utf8 } from '../support/bytes.js';
import { vectors } from '../support/json.js';

interface ChunkVector {
  index: number;
  data: string;
}
interface Primitives {
  incrementalMlKem768: Record<'seed_d_z' | 'header' | 'ekVector' | 'm' | 'ct1' | 'ct2' | 'sharedSecret', string>[];
  gf65536: { cases: { a: number; b: number; mul: number; aDivB?: number | null }[] };
  erasureCode: { message: string; systematicChunks: number; chunks: ChunkVector[]; decodeFrom: ChunkVector[] }[];
  authenticator: Record<
    'authKey' | 'header' | 'macHeaderEpoch1' | 'epochSecret1' | 'ciphertext' | 'macCiphertextEpoch1',
    string
  > & { initial: Record<'rootKey' | 'macKey', string>; afterUpdate1: Record<'rootKey' | 'macKey', string> };
  chain: {
    authKey: string;
    a2bEpoch0: { index: number; key: string }[];
    b2aEpoch0Index1: string;
    epochSecret1: string;
    a2bEpoch1: { index: number; key: string }[];
    nextRootAfterEpoch1: string;
  };
  messages: { epoch: number; index: number; type: number; chunk: ChunkVector | null; bytes: string }[];
}

const primitives = vectors('gen-spqr-primitives') as Primitives;
const published = vectors('public-spqr') as {
  varint: { value: number; bytes: string }[];
  smallErasure: { messageUtf8: string; anyChunkFirst10Bytes: string };
};

describe('incremental ML-KEM-768', () => {
  test.each(primitives.incrementalMlKem768)('vector %#', (vector) => {
    const seed = hex(vector.seed_d_z);
    const m = hex(vector.m);
    const { header, vector: ekVector } = encapsulationKey(seed);
    expect(toHex(header)).toBe(vector.header);
    expect(toHex(ekVector)).toBe(vector.ekVector);
    const { ct1, sharedSecret } = encapsulateFirst(header, m);
    expect(toHex(ct1)).toBe(vector.ct1);
    expect(toHex(sharedSecret)).toBe(vector.sharedSecret);
    expect(toHex(encapsulateSecond(header, ekVector, m))).toBe(vector.ct2);
    expect(toHex(decapsulate(seed, ct1, hex(vector.ct2)))).toBe(vector.sharedSecret);
  });

  test('a vector that the header did not announce, or with a coefficient of q, is not genuine', () => {
    const { header, vector } = encapsulationKey(new Uint8Array(64).fill(3));
    expect(isGenuineVector(header, vector)).toBe(true);
    const altered = vector.slice();
    altered[0] = (altered[0] ?? 0) ^ 1;
    expect(isGenuineVector(header, altered)).toBe(false);
  });
});

describe('GF(2^16) and the erasure code', () => {
  test.each(primitives.gf65536.cases)('$a times and by $b', ({ a, b, mul, aDivB }) => {
    expect(multiply(a, b)).toBe(mul);
    if (typeof aDivB === 'number') expect(divide(a, b)).toBe(aDivB);
  });

  test.each(primitives.erasureCode)('$systematicChunks chunks', ({ message, systematicChunks, chunks, decodeFrom }) => {
    const bytes = hex(message);
    for (const { index, data } of chunks) expect(toHex(chunkAt(bytes, index).data)).toBe(data);
    let decoder = createDecoder(bytes.length);
    for (const [i, { index, data }] of decodeFrom.entries()) {
      expect(decodedMessage(decoder)).toBeNull();
      decoder = addChunk(decoder, { index, data: hex(data) });
      expect(addChunk(decoder, { index, data: hex(data) })).toBe(decoder);
      expect(decoder.chunks).toHaveLength(i + 1);
    }
    expect(decodeFrom).toHaveLength(systematicChunks);
    expect(toHex(decodedMessage(decoder) ?? new Uint8Array())).toBe(message);
  });

  test('a message of one chunk is the same in every chunk', () => {
    const { messageUtf8, anyChunkFirst10Bytes } = published.smallErasure;
    const message = new Uint8Array(32);
    message.set(utf8(messageUtf8));
    for (const index of [0, 1, 77, 65535]) {
      expect(toHex(chunkAt(message, index).data.subarray(0, 10))).toBe(anyChunkFirst10Bytes);
    }
  });

  test('an encoder counts on past its message and wraps at 2^16', () => {
    let encoder = createEncoder(new Uint8Array(96).fill(1));
    const indices = [];
    for (let i = 0; i < 65537; i++) {
      const sent = nextChunk(encoder);
      if (i > 65533 || i < 4) indices.push(sent.chunk.index);
      encoder = sent.encoder;
    }
    expect(indices).toEqual([0, 1, 2, 3, 65534, 65535, 0]);
  });
});

test('authenticator', () => {
  const vector = primitives.authenticator;
  const start = startAuthenticator(hex(vector.authKey));
  expect({ rootKey: toHex(start.rootKey), macKey: toHex(start.macKey) }).toEqual(vector.initial);
  expect(toHex(macHeader(start, 1, hex(vector.header)))).toBe(vector.macHeaderEpoch1);
  const updated = updateAuthenticator(start, 1, hex(vector.epochSecret1));
  expect({ rootKey: toHex(updated.rootKey), macKey: toHex(updated.macKey) }).toEqual(vector.afterUpdate1);
  const ciphertext = hex(vector.ciphertext);
  const mac = macCiphertext(updated, 1, ciphertext.subarray(0, CT1_BYTES), ciphertext.subarray(CT1_BYTES));
  expect(toHex(mac)).toBe(vector.macCiphertextEpoch1);
});

test('the epoch secret is bound to its epoch', () => {
  const shared = new Uint8Array(32).fill(1);
  expect(toHex(epochSecret(1, shared))).not.toBe(toHex(epochSecret(2, shared)));
});

test('epoch chain', () => {
  const vector = primitives.chain;
  let chain = createEpochChain(hex(vector.authKey), 'a2b');
  for (const { index, key } of vector.a2bEpoch0) {
    const sent = sendKey(chain, 0);
    expect({ index: sent.index, key: toHex(sent.key) }).toEqual({ index, key });
    chain = sent.chain;
  }
  expect(toHex(sendKey(createEpochChain(hex(vector.authKey), 'b2a'), 0).key)).toBe(vector.b2aEpoch0Index1);
  chain = addEpoch(chain, 1, hex(vector.epochSecret1));
  expect(toHex(chain.nextRoot)).toBe(vector.nextRootAfterEpoch1);
  for (const { index, key } of vector.a2bEpoch1) {
    const sent = sendKey(chain, 1);
    expect({ index: sent.index, key: toHex(sent.key) }).toEqual({ index, key });
    chain = sent.chain;
  }
});

const TYPES: readonly MessageType[] = ['none', 'hdr', 'ek', 'ekCt1Ack', 'ct1Ack', 'ct1', 'ct2'];

function payloadOf(type: MessageType | undefined, chunk: ChunkVector | null): Payload {
  if (type === 'none' || type === 'ct1Ack') return { type };
  if (type === undefined || chunk === null) throw new Error('bad vector');
  return { type, chunk: { index: chunk.index, data: hex(chunk.data) } };
}

test.each(primitives.messages)('message $bytes', ({ epoch, index, type, chunk, bytes }) => {
  const payload = payloadOf(TYPES[type], chunk);
  expect(toHex(encodeMessage({ epoch, index, payload }))).toBe(bytes);
  expect(decodeMessage(hex(bytes))).toEqual({ epoch, index, payload });
});

test.each(published.varint)('varint $value', ({ value, bytes }) => {
  expect(decodeMessage(hex(`0101${bytes}00`)).index).toBe(value);
  expect(toHex(encodeMessage({ epoch: 1, index: value, payload: { type: 'none' } }))).toBe(`0101${bytes}00`);
});
