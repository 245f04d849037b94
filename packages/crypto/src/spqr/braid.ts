/**
 * The ML-KEM Braid (spqr.md 7): one key agreement per epoch, spread over the messages of both parties. The key owner of an
 * epoch is the encapsulator of the next. The initiator owns epoch 1.
 *
 * ```
 *  key owner                                     encapsulator
 *
 *  keysUnsampled                                 noHeaderReceived
 *       | send                    hdr ---------->     | header complete
 *  keysSampled                                   headerReceived
 *       | ct1                     <---------- ct1     | send: emits the epoch's key
 *  headerSent                                    ct1Sampled ------------ ekCt1Ack, vector incomplete
 *       | ct1 complete            ek ----------->     | vector complete             |
 *  ct1Received                    ekCt1Ack ----->     | ek         | ekCt1Ack   ct1Acknowledged
 *       | ct2                                    ekReceivedCt1Sampled|              | vector complete
 *  ekSentCt1Received              ct1Ack ------->     | ack        v              |
 *       | ct2 complete:           <---------- ct2     '-------> ct2Sampled <--------'
 *       | emits the epoch's key                                      | a message of the next epoch
 *       v                                                            v
 *  noHeaderReceived, epoch + 1                              keysUnsampled, epoch + 1
 * ```
 */
import type { RandomBytes } from '../primitives/random.js';
import { type Authenticator, startAuthenticator } from './authenticator.js';
import {
  acknowledgeCt1,
  addHeader,
  addLastVector,
  addVector,
  addVectorAcknowledged,
  sampleCt1,
  sendCt1,
  sendCt2,
  sendNothing,
} from './braid-encapsulator.js';
import {
  addCt1,
  addCt2,
  sampleKeys,
  sendAck,
  sendHeader,
  sendVector,
  sendVectorAndAck,
  startCt1,
  startCt2,
} from './braid-key-owner.js';
import {
  type BraidKind,
  type BraidState,
  type BraidStates,
  HEADER_MESSAGE_BYTES,
  type Received,
  type Sent,
  stay,
  type Transitions,
} from './braid-state.js';
import type { Direction } from './epoch-chain.js';
import { createDecoder } from './erasure-code.js';
import type { Payload } from './message.js';
import { invalidSpqr } from './spqr-error.js';

const ignoreAll = { none: stay, hdr: stay, ek: stay, ekCt1Ack: stay, ct1Ack: stay, ct1: stay, ct2: stay };

/** What each state does on each type of message of its own epoch; a type that is not named changes nothing. */
const TRANSITIONS: { readonly [K in BraidKind]: Transitions<BraidStates[K]> } = {
  keysUnsampled: { send: sampleKeys, receive: ignoreAll },
  keysSampled: { send: sendHeader, receive: { ...ignoreAll, ct1: startCt1 } },
  headerSent: { send: sendVector, receive: { ...ignoreAll, ct1: addCt1 } },
  ct1Received: { send: sendVectorAndAck, receive: { ...ignoreAll, ct2: startCt2 } },
  ekSentCt1Received: { send: sendAck, receive: { ...ignoreAll, ct2: addCt2 } },
  noHeaderReceived: { send: sendNothing, receive: { ...ignoreAll, hdr: addHeader } },
  headerReceived: { send: sampleCt1, receive: ignoreAll },
  ct1Sampled: { send: sendCt1, receive: { ...ignoreAll, ek: addVector, ekCt1Ack: addVectorAcknowledged } },
  ekReceivedCt1Sampled: { send: sendCt1, receive: { ...ignoreAll, ct1Ack: acknowledgeCt1, ekCt1Ack: acknowledgeCt1 } },
  ct1Acknowledged: { send: sendNothing, receive: { ...ignoreAll, ek: addLastVector, ekCt1Ack: addLastVector } },
  ct2Sampled: { send: sendCt2, receive: ignoreAll },
};

/** @param authKey 32 bytes, PQK of the handshake */
export function startBraid(authKey: Uint8Array, direction: Direction): BraidState {
  const auth = startAuthenticator(authKey);
  return direction === 'a2b' ? ownNextKey(1, auth) : awaitHeader(1, auth);
}

function ownNextKey(epoch: number, auth: Authenticator): BraidState {
  return { kind: 'keysUnsampled', epoch, auth };
}

function awaitHeader(epoch: number, auth: Authenticator): BraidState {
  return { kind: 'noHeaderReceived', epoch, auth, headerDecoder: createDecoder(HEADER_MESSAGE_BYTES) };
}

/** The payload of the next message, whose epoch is that of the state before. */
export function braidSend(state: BraidState, random: RandomBytes): Sent {
  return sendIn(state.kind, state, random);
}

function sendIn<K extends BraidKind>(kind: K, state: BraidStates[K], random: RandomBytes): Sent {
  return TRANSITIONS[kind].send(state, random);
}

/** @throws CryptoError `invalid-message` for an epoch out of reach, a wrong MAC, an erroneous key */
export function braidReceive(state: BraidState, epoch: number, payload: Payload): Received {
  if (epoch < state.epoch) return stay(state);
  if (epoch === state.epoch) return receiveIn(state.kind, state, payload);
  // The peer completed ct2 and went ahead; what it says there, it will say again.
  if (state.kind === 'ct2Sampled' && epoch === state.epoch + 1) return stay(ownNextKey(epoch, state.auth));
  throw invalidSpqr('epoch out of range');
}

function receiveIn<K extends BraidKind>(kind: K, state: BraidStates[K], payload: Payload): Received {
  const { receive } = TRANSITIONS[kind];
  return 'chunk' in payload ? receive[payload.type](state, payload.chunk) : receive[payload.type](state);
}
