/**
 * Stored form of SPQR's state: our own format, smaller than libsignal's because a key pair is kept as its seed, and cheap,
 * because nearly all of it is copied as it stands in memory. `braid-codec.ts` holds the Braid's part.
 *
 * ```
 * u8 format (1) | u8 0: disabled, end; 1: active
 * u8 flags: 1 = direction b2a, 2 = negotiating, 4 = min version 1, 8 = has chain
 * varint max jump | varint max out-of-order
 * negotiating:  auth key 32
 * chain:        next root 32 | varint send epoch | varint first epoch | u8 links
 *   each link:  u8 has send | [chain] | chain | bytes skipped          chain: varint counter | next 32
 * braid
 * ```
 */
import { corrupt, RecordReader } from '../encoding/record-reader.js';
import { RecordWriter } from '../encoding/record-writer.js';
import { areSkippedSeedsValid, SKIPPED_SEED_LENGTH, type SkippedSeeds } from '../primitives/skipped-seeds.js';
import { readBraid, writeBraid } from './braid-codec.js';
import type { ChainLimits, Direction, EpochChain, EpochLink, SymmetricChain } from './epoch-chain.js';
import { DISABLED_SPQR } from './spqr.js';
import type { ActiveSpqr, SpqrState } from './state.js';

const FORMAT = 1;
const KEY_BYTES = 32;
/** A chain never holds more: one epoch before the sending one, and at most two after it. */
const MAX_LINKS = 4;
/** A typical state is below 3 KB. */
const CAPACITY = 4096;

const FLAG_B2A = 1;
const FLAG_NEGOTIATING = 2;
const FLAG_MIN_VERSION_1 = 4;
const FLAG_CHAIN = 8;
const ALL_FLAGS = 15;

/** The state as bytes, at most a few KB plus 36 bytes per skipped key. They hold secrets. */
export function serializeSpqr(state: SpqrState): Uint8Array {
  const writer = new RecordWriter(CAPACITY);
  writeSpqr(writer, state);
  return writer.finish();
}

/** @throws CryptoError `corrupt-record` */
export function deserializeSpqr(bytes: Uint8Array): SpqrState {
  const reader = new RecordReader(bytes);
  const state = readSpqr(reader);
  reader.end();
  return state;
}

/** Appends the state to a larger record. */
export function writeSpqr(writer: RecordWriter, state: SpqrState): void {
  writer.u8(FORMAT).u8(state.version);
  if (state.version === 0) return;
  const { direction, limits, negotiation, chain } = state;
  writer.u8(
    (direction === 'b2a' ? FLAG_B2A : 0) |
      (negotiation === null ? 0 : FLAG_NEGOTIATING) |
      (negotiation?.minVersion === 1 ? FLAG_MIN_VERSION_1 : 0) |
      (chain === null ? 0 : FLAG_CHAIN),
  );
  writer.varint(limits.maxJump).varint(limits.maxOutOfOrder);
  if (negotiation !== null) writer.fixed(negotiation.authKey);
  if (chain !== null) writeChain(writer, chain);
  writeBraid(writer, state.braid);
}

function writeChain(writer: RecordWriter, { nextRoot, sendEpoch, links }: EpochChain): void {
  writer.fixed(nextRoot).varint(sendEpoch);
  writer.varint(links[0]?.epoch ?? 0).u8(links.length);
  for (const { send, receive } of links) {
    writer.u8(send === null ? 0 : 1);
    if (send !== null) writeSymmetricChain(writer, send);
    writeSymmetricChain(writer, receive);
    writer.bytes(receive.skipped);
  }
}

function writeSymmetricChain(writer: RecordWriter, { counter, next }: SymmetricChain): void {
  writer.varint(counter).fixed(next);
}

/** Reads a state out of a larger record. @throws CryptoError `corrupt-record` */
export function readSpqr(reader: RecordReader): SpqrState {
  if (reader.u8() !== FORMAT) throw corrupt('unknown format of the post-quantum ratchet');
  return reader.flag() ? readActive(reader) : DISABLED_SPQR;
}

function readActive(reader: RecordReader): ActiveSpqr {
  const flags = reader.u8();
  if (flags > ALL_FLAGS) throw corrupt('unknown flags');
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const direction = has(FLAG_B2A) ? 'b2a' : 'a2b';
  const limits = { maxJump: reader.varint(), maxOutOfOrder: reader.varint() };
  const minVersion = has(FLAG_MIN_VERSION_1) ? 1 : 0;
  const negotiation = has(FLAG_NEGOTIATING) ? ({ authKey: reader.fixed(KEY_BYTES), minVersion } as const) : null;
  const chain = has(FLAG_CHAIN) ? readChain(reader, direction, limits) : null;
  if (chain === null && negotiation === null) throw corrupt('neither a chain nor the key to make one');
  return { version: 1, direction, limits, negotiation, chain, braid: readBraid(reader) };
}

function readChain(reader: RecordReader, direction: Direction, limits: ChainLimits): EpochChain {
  const nextRoot = reader.fixed(KEY_BYTES);
  const sendEpoch = reader.varint();
  const firstEpoch = reader.varint();
  const count = reader.u8();
  if (count < 1 || count > MAX_LINKS) throw corrupt('impossible number of epochs');
  const links = Array.from({ length: count }, (_, i) => readLink(reader, firstEpoch + i, limits));
  return { direction, links, nextRoot, sendEpoch };
}

function readLink(reader: RecordReader, epoch: number, limits: ChainLimits): EpochLink {
  const send = reader.flag() ? readSymmetricChain(reader) : null;
  const chain = readSymmetricChain(reader);
  const receive = { ...chain, skipped: readSkipped(reader, chain.counter, limits) };
  return { epoch, send, receive };
}

function readSkipped(reader: RecordReader, counter: number, { maxOutOfOrder }: ChainLimits): SkippedSeeds {
  const skipped = reader.bytes(maxOutOfOrder * SKIPPED_SEED_LENGTH);
  if (!areSkippedSeedsValid(skipped, counter)) throw corrupt('skipped keys out of order');
  return skipped;
}

function readSymmetricChain(reader: RecordReader): SymmetricChain {
  return { counter: reader.varint(), next: reader.fixed(KEY_BYTES) };
}
