/** Transitions of the Braid party that encapsulates to the epoch's ML-KEM key (spqr.md 7, "Encapsulator"). */
import { concat, wipe } from '../primitives/bytes.js';
import { constantTimeEqual } from '../primitives/constant-time.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import { epochSecret, macCiphertext, macHeader, updateAuthenticator } from './authenticator.js';
import type {
  BraidState,
  Ct1Acknowledged,
  Ct1Sampled,
  Ct2Sampled,
  EkReceivedCt1Sampled,
  HeaderReceived,
  NoHeaderReceived,
  Received,
  Sent,
} from './braid-state.js';
import { addChunk, type Chunk, createDecoder, createEncoder, decodedMessage, nextChunk } from './erasure-code.js';
import {
  encapsulateFirst,
  encapsulateSecond,
  ENCAPSULATION_SEED_BYTES,
  HEADER_BYTES,
  isGenuineVector,
  VECTOR_BYTES,
} from './incremental-ml-kem.js';
import { invalidSpqr } from './spqr-error.js';

/** Nothing to say: the message only carries the epoch. */
export function sendNothing(state: BraidState): Sent {
  return { state, payload: { type: 'none' }, emitted: null };
}

export function addHeader(state: NoHeaderReceived, chunk: Chunk): Received {
  const headerDecoder = addChunk(state.headerDecoder, chunk);
  const message = decodedMessage(headerDecoder);
  if (message === null) return { state: { ...state, headerDecoder }, emitted: null };
  const { epoch, auth } = state;
  const header = message.subarray(0, HEADER_BYTES);
  if (!constantTimeEqual(macHeader(auth, epoch, header), message.subarray(HEADER_BYTES))) {
    throw invalidSpqr('wrong MAC of the header');
  }
  const vectorDecoder = createDecoder(VECTOR_BYTES);
  return { state: { kind: 'headerReceived', epoch, auth, header, vectorDecoder }, emitted: null };
}

/** First half of the encapsulation: the epoch has its key, though this message still uses the one before. */
export function sampleCt1({ epoch, auth, header, vectorDecoder }: HeaderReceived, random: RandomBytes): Sent {
  const m = Uint8Array.from(draw(random, ENCAPSULATION_SEED_BYTES));
  const { ct1, sharedSecret } = encapsulateFirst(header, m);
  const secret = epochSecret(epoch, sharedSecret);
  wipe(sharedSecret);
  const state: Ct1Sampled = {
    kind: 'ct1Sampled',
    epoch,
    auth: updateAuthenticator(auth, epoch, secret),
    header,
    m,
    ct1Encoder: createEncoder(ct1),
    vectorDecoder,
  };
  return { ...sendCt1(state), emitted: { epoch, secret } };
}

export function sendCt1(state: Ct1Sampled | EkReceivedCt1Sampled): Sent {
  const { chunk, encoder } = nextChunk(state.ct1Encoder);
  return { state: { ...state, ct1Encoder: encoder }, payload: { type: 'ct1', chunk }, emitted: null };
}

export function addVector(state: Ct1Sampled, chunk: Chunk): Received {
  const { epoch, auth, header, m, ct1Encoder } = state;
  const vectorDecoder = addChunk(state.vectorDecoder, chunk);
  const vector = decodedMessage(vectorDecoder);
  if (vector === null) return { state: { ...state, vectorDecoder }, emitted: null };
  assertGenuine(header, vector);
  return { state: { kind: 'ekReceivedCt1Sampled', epoch, auth, header, m, ct1Encoder, vector }, emitted: null };
}

/** The peer has ct1: there is no need to go on sending it. */
export function addVectorAcknowledged(state: Ct1Sampled, chunk: Chunk): Received {
  const { epoch, auth, header, m, ct1Encoder, vectorDecoder } = state;
  const ct1 = ct1Encoder.message;
  return addLastVector({ kind: 'ct1Acknowledged', epoch, auth, header, m, ct1, vectorDecoder }, chunk);
}

export function addLastVector(state: Ct1Acknowledged, chunk: Chunk): Received {
  const vectorDecoder = addChunk(state.vectorDecoder, chunk);
  const vector = decodedMessage(vectorDecoder);
  if (vector === null) return { state: { ...state, vectorDecoder }, emitted: null };
  assertGenuine(state.header, vector);
  return { state: sampleCt2(state, state.ct1, vector), emitted: null };
}

export function acknowledgeCt1(state: EkReceivedCt1Sampled): Received {
  return { state: sampleCt2(state, state.ct1Encoder.message, state.vector), emitted: null };
}

function assertGenuine(header: Uint8Array, vector: Uint8Array): void {
  if (!isGenuineVector(header, vector)) throw invalidSpqr('erroneous encapsulation key');
}

/** Second half of the encapsulation. */
function sampleCt2(
  { epoch, auth, header, m }: EkReceivedCt1Sampled | Ct1Acknowledged,
  ct1: Uint8Array,
  vector: Uint8Array,
): Ct2Sampled {
  const ct2 = encapsulateSecond(header, vector, m);
  const ct2Encoder = createEncoder(concat(ct2, macCiphertext(auth, epoch, ct1, ct2)));
  return { kind: 'ct2Sampled', epoch, auth, ct2Encoder };
}

export function sendCt2(state: Ct2Sampled): Sent {
  const { chunk, encoder } = nextChunk(state.ct2Encoder);
  return { state: { ...state, ct2Encoder: encoder }, payload: { type: 'ct2', chunk }, emitted: null };
}
