/** Transitions of the Braid party that owns the epoch's ML-KEM key (spqr.md 7, "Key owner"). */
import { concat, wipe } from '../primitives/bytes.js';
import { constantTimeEqual } from '../primitives/constant-time.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import { epochSecret, macCiphertext, macHeader, updateAuthenticator } from './authenticator.js';
import type {
  Ct1Received,
  EkSentCt1Received,
  HeaderSent,
  KeysSampled,
  KeysUnsampled,
  NoHeaderReceived,
  Received,
  Sent,
} from './braid-state.js';
import { CT2_MESSAGE_BYTES, HEADER_MESSAGE_BYTES } from './braid-state.js';
import { addChunk, type Chunk, createDecoder, createEncoder, decodedMessage, nextChunk } from './erasure-code.js';
import { CT1_BYTES, CT2_BYTES, decapsulate, encapsulationKey, SEED_BYTES } from './incremental-ml-kem.js';
import { invalidSpqr } from './spqr-error.js';

export function sampleKeys({ epoch, auth }: KeysUnsampled, random: RandomBytes): Sent {
  const seed = Uint8Array.from(draw(random, SEED_BYTES));
  const { header } = encapsulationKey(seed);
  const headerEncoder = createEncoder(concat(header, macHeader(auth, epoch, header)));
  return sendHeader({ kind: 'keysSampled', epoch, auth, seed, headerEncoder });
}

export function sendHeader(state: KeysSampled): Sent {
  const { chunk, encoder } = nextChunk(state.headerEncoder);
  return { state: { ...state, headerEncoder: encoder }, payload: { type: 'hdr', chunk }, emitted: null };
}

/** A first chunk of ct1 says that the peer has the header. */
export function startCt1({ epoch, auth, seed }: KeysSampled, chunk: Chunk): Received {
  const vectorEncoder = createEncoder(encapsulationKey(seed).vector);
  const ct1Decoder = createDecoder(CT1_BYTES);
  return addCt1({ kind: 'headerSent', epoch, auth, seed, vectorEncoder, ct1Decoder }, chunk);
}

export function sendVector(state: HeaderSent): Sent {
  const { chunk, encoder } = nextChunk(state.vectorEncoder);
  return { state: { ...state, vectorEncoder: encoder }, payload: { type: 'ek', chunk }, emitted: null };
}

export function addCt1(state: HeaderSent, chunk: Chunk): Received {
  const { epoch, auth, seed, vectorEncoder } = state;
  const ct1Decoder = addChunk(state.ct1Decoder, chunk);
  const ct1 = decodedMessage(ct1Decoder);
  if (ct1 === null) return { state: { ...state, ct1Decoder }, emitted: null };
  return { state: { kind: 'ct1Received', epoch, auth, seed, ct1, vectorEncoder }, emitted: null };
}

export function sendVectorAndAck(state: Ct1Received): Sent {
  const { chunk, encoder } = nextChunk(state.vectorEncoder);
  return { state: { ...state, vectorEncoder: encoder }, payload: { type: 'ekCt1Ack', chunk }, emitted: null };
}

/** A first chunk of ct2 says that the peer has the vector. */
export function startCt2({ epoch, auth, seed, ct1 }: Ct1Received, chunk: Chunk): Received {
  const ct2Decoder = createDecoder(CT2_MESSAGE_BYTES);
  return addCt2({ kind: 'ekSentCt1Received', epoch, auth, seed, ct1, ct2Decoder }, chunk);
}

export function sendAck(state: EkSentCt1Received): Sent {
  return { state, payload: { type: 'ct1Ack' }, emitted: null };
}

/** With the last chunk the epoch has its key; this party is the encapsulator of the next. */
export function addCt2(state: EkSentCt1Received, chunk: Chunk): Received {
  const ct2Decoder = addChunk(state.ct2Decoder, chunk);
  const message = decodedMessage(ct2Decoder);
  if (message === null) return { state: { ...state, ct2Decoder }, emitted: null };
  const { epoch, ct1 } = state;
  const ct2 = message.subarray(0, CT2_BYTES);
  const sharedSecret = decapsulate(state.seed, ct1, ct2);
  const secret = epochSecret(epoch, sharedSecret);
  wipe(sharedSecret);
  const auth = updateAuthenticator(state.auth, epoch, secret);
  if (!constantTimeEqual(macCiphertext(auth, epoch, ct1, ct2), message.subarray(CT2_BYTES))) {
    throw invalidSpqr('wrong MAC of the ciphertext');
  }
  const next: NoHeaderReceived = {
    kind: 'noHeaderReceived',
    epoch: epoch + 1,
    auth,
    headerDecoder: createDecoder(HEADER_MESSAGE_BYTES),
  };
  return { state: next, emitted: { epoch, secret } };
}
