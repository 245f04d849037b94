/**
 * Stored form of a Braid state: u8 kind | varint epoch | authenticator 64 | the fields of that kind, in the order in which
 * the tables below read and write them. Lengths are fixed by the protocol and not stored.
 */
import { corrupt, type RecordReader } from '../encoding/record-reader.js';
import type { RecordWriter } from '../encoding/record-writer.js';
import type { Authenticator } from './authenticator.js';
import {
  type BraidKind,
  type BraidState,
  type BraidStates,
  CT2_MESSAGE_BYTES,
  HEADER_MESSAGE_BYTES,
} from './braid-state.js';
import { CHUNK_BYTES, type Chunk, type Decoder, type Encoder, MAX_CHUNK_INDEX } from './erasure-code.js';
import { CT1_BYTES, ENCAPSULATION_SEED_BYTES, HEADER_BYTES, SEED_BYTES, VECTOR_BYTES } from './incremental-ml-kem.js';

const KEY_BYTES = 32;

/** The stored number of a kind is its place here: append only. */
const KINDS: readonly BraidKind[] = [
  'keysUnsampled',
  'keysSampled',
  'headerSent',
  'ct1Received',
  'ekSentCt1Received',
  'noHeaderReceived',
  'headerReceived',
  'ct1Sampled',
  'ekReceivedCt1Sampled',
  'ct1Acknowledged',
  'ct2Sampled',
];

interface Common {
  readonly epoch: number;
  readonly auth: Authenticator;
}

type Writers = { readonly [K in BraidKind]: (writer: RecordWriter, state: BraidStates[K]) => void };
type Readers = { readonly [K in BraidKind]: (reader: RecordReader, common: Common) => BraidStates[K] };

const WRITERS: Writers = {
  keysUnsampled: () => undefined,
  keysSampled: (w, s) => writeEncoder(w.fixed(s.seed), s.headerEncoder),
  headerSent: (w, s) => writeDecoder(writeEncoder(w.fixed(s.seed), s.vectorEncoder), s.ct1Decoder),
  ct1Received: (w, s) => writeEncoder(w.fixed(s.seed).fixed(s.ct1), s.vectorEncoder),
  ekSentCt1Received: (w, s) => writeDecoder(w.fixed(s.seed).fixed(s.ct1), s.ct2Decoder),
  noHeaderReceived: (w, s) => writeDecoder(w, s.headerDecoder),
  headerReceived: (w, s) => writeDecoder(w.fixed(s.header), s.vectorDecoder),
  ct1Sampled: (w, s) => writeDecoder(writeEncoder(w.fixed(s.header).fixed(s.m), s.ct1Encoder), s.vectorDecoder),
  ekReceivedCt1Sampled: (w, s) => writeEncoder(w.fixed(s.header).fixed(s.m), s.ct1Encoder).fixed(s.vector),
  ct1Acknowledged: (w, s) => writeDecoder(w.fixed(s.header).fixed(s.m).fixed(s.ct1), s.vectorDecoder),
  ct2Sampled: (w, s) => writeEncoder(w, s.ct2Encoder),
};

const READERS: Readers = {
  keysUnsampled: (_, common) => ({ kind: 'keysUnsampled', ...common }),
  keysSampled: (r, common) => ({
    kind: 'keysSampled',
    ...common,
    seed: r.fixed(SEED_BYTES),
    headerEncoder: readEncoder(r, HEADER_MESSAGE_BYTES),
  }),
  headerSent: (r, common) => ({
    kind: 'headerSent',
    ...common,
    seed: r.fixed(SEED_BYTES),
    vectorEncoder: readEncoder(r, VECTOR_BYTES),
    ct1Decoder: readDecoder(r, CT1_BYTES),
  }),
  ct1Received: (r, common) => ({
    kind: 'ct1Received',
    ...common,
    seed: r.fixed(SEED_BYTES),
    ct1: r.fixed(CT1_BYTES),
    vectorEncoder: readEncoder(r, VECTOR_BYTES),
  }),
  ekSentCt1Received: (r, common) => ({
    kind: 'ekSentCt1Received',
    ...common,
    seed: r.fixed(SEED_BYTES),
    ct1: r.fixed(CT1_BYTES),
    ct2Decoder: readDecoder(r, CT2_MESSAGE_BYTES),
  }),
  noHeaderReceived: (r, common) => ({
    kind: 'noHeaderReceived',
    ...common,
    headerDecoder: readDecoder(r, HEADER_MESSAGE_BYTES),
  }),
  headerReceived: (r, common) => ({
    kind: 'headerReceived',
    ...common,
    header: r.fixed(HEADER_BYTES),
    vectorDecoder: readDecoder(r, VECTOR_BYTES),
  }),
  ct1Sampled: (r, common) => ({
    kind: 'ct1Sampled',
    ...common,
    header: r.fixed(HEADER_BYTES),
    m: r.fixed(ENCAPSULATION_SEED_BYTES),
    ct1Encoder: readEncoder(r, CT1_BYTES),
    vectorDecoder: readDecoder(r, VECTOR_BYTES),
  }),
  ekReceivedCt1Sampled: (r, common) => ({
    kind: 'ekReceivedCt1Sampled',
    ...common,
    header: r.fixed(HEADER_BYTES),
    m: r.fixed(ENCAPSULATION_SEED_BYTES),
    ct1Encoder: readEncoder(r, CT1_BYTES),
    vector: r.fixed(VECTOR_BYTES),
  }),
  ct1Acknowledged: (r, common) => ({
    kind: 'ct1Acknowledged',
    ...common,
    header: r.fixed(HEADER_BYTES),
    m: r.fixed(ENCAPSULATION_SEED_BYTES),
    ct1: r.fixed(CT1_BYTES),
    vectorDecoder: readDecoder(r, VECTOR_BYTES),
  }),
  ct2Sampled: (r, common) => ({ kind: 'ct2Sampled', ...common, ct2Encoder: readEncoder(r, CT2_MESSAGE_BYTES) }),
};

export function writeBraid(writer: RecordWriter, state: BraidState): void {
  const { kind, epoch, auth } = state;
  writer.u8(KINDS.indexOf(kind)).varint(epoch).fixed(auth.rootKey).fixed(auth.macKey);
  writeFields(writer, kind, state);
}

function writeFields<K extends BraidKind>(writer: RecordWriter, kind: K, state: BraidStates[K]): void {
  WRITERS[kind](writer, state);
}

/** @throws CryptoError `corrupt-record` */
export function readBraid(reader: RecordReader): BraidState {
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw corrupt('unknown Braid state');
  const epoch = reader.varint();
  if (epoch === 0) throw corrupt('Braid epoch 0');
  const auth = { rootKey: reader.fixed(KEY_BYTES), macKey: reader.fixed(KEY_BYTES) };
  return READERS[kind](reader, { epoch, auth });
}

function writeEncoder(writer: RecordWriter, { message, next }: Encoder): RecordWriter {
  return writer.varint(next).fixed(message);
}

function readEncoder(reader: RecordReader, bytes: number): Encoder {
  const next = readChunkIndex(reader);
  return { message: reader.fixed(bytes), next };
}

function writeDecoder(writer: RecordWriter, { chunks }: Decoder): RecordWriter {
  writer.varint(chunks.length);
  for (const { index, data } of chunks) writer.varint(index).fixed(data);
  return writer;
}

function readDecoder(reader: RecordReader, bytes: number): Decoder {
  const size = bytes / CHUNK_BYTES;
  // A complete decoder is never kept: its state has moved on.
  const count = reader.count(size - 1);
  const chunks: Chunk[] = [];
  for (let i = 0; i < count; i++) chunks.push({ index: readChunkIndex(reader), data: reader.fixed(CHUNK_BYTES) });
  if (new Set(chunks.map(({ index }) => index)).size !== count) throw corrupt('repeated chunk');
  return { size, chunks };
}

function readChunkIndex(reader: RecordReader): number {
  const index = reader.varint();
  if (index > MAX_CHUNK_INDEX) throw corrupt('chunk index out of range');
  return index;
}
