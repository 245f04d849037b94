/** The eleven states of the ML-KEM Braid (spqr.md 7), each with only what it holds. */
import type { RandomBytes } from '../primitives/random.js';
import type { Authenticator } from './authenticator.js';
import { MAC_BYTES } from './authenticator.js';
import type { Chunk, Decoder, Encoder } from './erasure-code.js';
import { CT2_BYTES, HEADER_BYTES } from './incremental-ml-kem.js';
import type { ChunkType, MessageType, Payload } from './message.js';

/** header || MAC, what `hdr` chunks carry: 96 bytes. */
export const HEADER_MESSAGE_BYTES = HEADER_BYTES + MAC_BYTES;
/** ct2 || MAC, what `ct2` chunks carry: 160 bytes. */
export const CT2_MESSAGE_BYTES = CT2_BYTES + MAC_BYTES;

interface InEpoch {
  /** From 1. */
  readonly epoch: number;
  readonly auth: Authenticator;
}

interface HoldsKey extends InEpoch {
  /** d || z (64 bytes) of the ML-KEM key pair: far smaller than the 2400-byte key, which is needed only once, at the end. */
  readonly seed: Uint8Array;
}

interface HoldsHeader extends InEpoch {
  /** The peer's header, 64 bytes, authenticated. */
  readonly header: Uint8Array;
}

interface HoldsEncapsulation extends HoldsHeader {
  /** Randomness of the encapsulation, 32 bytes, as secret as the epoch's key. */
  readonly m: Uint8Array;
}

/** Key owner: nothing done yet. */
export interface KeysUnsampled extends InEpoch {
  readonly kind: 'keysUnsampled';
}
/** Key owner: sends the header. */
export interface KeysSampled extends HoldsKey {
  readonly kind: 'keysSampled';
  readonly headerEncoder: Encoder;
}
/** Key owner: the peer has the header and sends ct1; sends the vector. */
export interface HeaderSent extends HoldsKey {
  readonly kind: 'headerSent';
  readonly vectorEncoder: Encoder;
  readonly ct1Decoder: Decoder;
}
/** Key owner: has all of ct1 and says so; still sends the vector. */
export interface Ct1Received extends HoldsKey {
  readonly kind: 'ct1Received';
  readonly ct1: Uint8Array;
  readonly vectorEncoder: Encoder;
}
/** Key owner: the peer has the vector and sends ct2. */
export interface EkSentCt1Received extends HoldsKey {
  readonly kind: 'ekSentCt1Received';
  readonly ct1: Uint8Array;
  readonly ct2Decoder: Decoder;
}
/** Encapsulator: waits for the header. */
export interface NoHeaderReceived extends InEpoch {
  readonly kind: 'noHeaderReceived';
  readonly headerDecoder: Decoder;
}
/** Encapsulator: has the header; encapsulates when it next sends. */
export interface HeaderReceived extends HoldsHeader {
  readonly kind: 'headerReceived';
  readonly vectorDecoder: Decoder;
}
/** Encapsulator: sends ct1, collects the vector. */
export interface Ct1Sampled extends HoldsEncapsulation {
  readonly kind: 'ct1Sampled';
  /** Its message is ct1 itself. */
  readonly ct1Encoder: Encoder;
  readonly vectorDecoder: Decoder;
}
/** Encapsulator: has the vector, sends ct1 until the peer has it. */
export interface EkReceivedCt1Sampled extends HoldsEncapsulation {
  readonly kind: 'ekReceivedCt1Sampled';
  readonly ct1Encoder: Encoder;
  readonly vector: Uint8Array;
}
/** Encapsulator: the peer has ct1; collects the rest of the vector. */
export interface Ct1Acknowledged extends HoldsEncapsulation {
  readonly kind: 'ct1Acknowledged';
  readonly ct1: Uint8Array;
  readonly vectorDecoder: Decoder;
}
/** Encapsulator: sends ct2 until the peer enters the next epoch. */
export interface Ct2Sampled extends InEpoch {
  readonly kind: 'ct2Sampled';
  readonly ct2Encoder: Encoder;
}

export interface BraidStates {
  keysUnsampled: KeysUnsampled;
  keysSampled: KeysSampled;
  headerSent: HeaderSent;
  ct1Received: Ct1Received;
  ekSentCt1Received: EkSentCt1Received;
  noHeaderReceived: NoHeaderReceived;
  headerReceived: HeaderReceived;
  ct1Sampled: Ct1Sampled;
  ekReceivedCt1Sampled: EkReceivedCt1Sampled;
  ct1Acknowledged: Ct1Acknowledged;
  ct2Sampled: Ct2Sampled;
}

export type BraidKind = keyof BraidStates;
export type BraidState = BraidStates[BraidKind];

/** The key that an epoch agreed on, ready for the epoch chain. */
export interface EpochSecret {
  readonly epoch: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

export interface Received {
  readonly state: BraidState;
  readonly emitted: EpochSecret | null;
}

export interface Sent extends Received {
  readonly payload: Payload;
}

/** What one state does: when it sends, and on each type of message of its own epoch. */
export interface Transitions<S extends BraidState> {
  readonly send: (state: S, random: RandomBytes) => Sent;
  readonly receive: { readonly [T in ChunkType]: (state: S, chunk: Chunk) => Received } & {
    readonly [T in Exclude<MessageType, ChunkType>]: (state: S) => Received;
  };
}

/** The message changes nothing. */
export function stay(state: BraidState): Received {
  return { state, emitted: null };
}
