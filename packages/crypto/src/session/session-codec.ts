/**
 * Storage format of sessions and session records, version 1: versioned bytes, our own. Curve25519 public keys are
 * stored without their type byte. Everything is checked on loading; damaged or unknown bytes are `corrupt-record`.
 */
import { CryptoError } from '../errors.js';
import { corrupt, RecordReader } from '../encoding/record-reader.js';
import { RecordWriter } from '../encoding/record-writer.js';
import { KEM_CIPHERTEXT_LENGTH } from '../kem/kyber1024.js';
import { publicKeyFromRaw, rawPublicKey } from '../keys/curve25519.js';
import type { ChainKey } from '../ratchet/chain-key.js';
import type { DoubleRatchet } from '../ratchet/double-ratchet.js';
import { readPq, writePq } from '../ratchet/pq-ratchet.js';
import type { ReceiverChain } from '../ratchet/receiver-chain.js';
import { areSkippedSeedsValid } from '../primitives/skipped-seeds.js';
import type { SessionRecord } from './session-record.js';
import { sessionId, type PendingPreKey, type SessionState } from './session-state.js';

const FORMAT = 1;
/** A session without skipped seeds mostly fits. */
const CAPACITY = 1024;
/** Far above every configurable limit, and small enough that a damaged count cannot allocate much. */
const MAX_LIST = 1000;

/** One session as bytes; see {@link deserializeSession}. They hold secrets. */
export function serializeSession(session: SessionState): Uint8Array {
  const writer = new RecordWriter(CAPACITY);
  writeSession(writer, session);
  return writer.finish();
}

function writeSession(writer: RecordWriter, session: SessionState): void {
  writer
    .u8(FORMAT)
    .u8(session.version)
    .fixed(rawPublicKey(session.baseKey))
    .fixed(rawPublicKey(session.localIdentityKey))
    .fixed(rawPublicKey(session.remoteIdentityKey))
    .u32(session.localRegistrationId)
    .u32(session.remoteRegistrationId);
  writeRatchet(writer, session.ratchet);
  writePending(writer, session.pending);
  writePq(writer, session.pq);
}

/** @throws CryptoError `corrupt-record` */
export function deserializeSession(bytes: Uint8Array): SessionState {
  return asRecord(() => {
    const reader = new RecordReader(bytes);
    const session = readSession(reader);
    reader.end();
    return session;
  });
}

function readSession(reader: RecordReader): SessionState {
  if (reader.u8() !== FORMAT) throw corrupt('unknown session format');
  const version = reader.u8();
  if (version !== 3 && version !== 4) throw corrupt('unknown session version');
  const baseKey = publicKeyFromRaw(reader.fixed(32));
  return {
    id: sessionId(baseKey),
    version,
    baseKey,
    localIdentityKey: publicKeyFromRaw(reader.fixed(32)),
    remoteIdentityKey: publicKeyFromRaw(reader.fixed(32)),
    localRegistrationId: reader.u32(),
    remoteRegistrationId: reader.u32(),
    ratchet: readRatchet(reader),
    pending: readPending(reader),
    pq: readPq(reader),
  };
}

/** A whole record: the current session and the archive. */
export function serializeSessionRecord(record: SessionRecord): Uint8Array {
  const { current, archived } = record;
  const writer = new RecordWriter(CAPACITY).u8(FORMAT).u8(current === null ? 0 : 1);
  if (current !== null) writer.nested((nested) => writeSession(nested, current));
  writer.varint(archived.length);
  for (const session of archived) writer.nested((nested) => writeSession(nested, session));
  return writer.finish();
}

/** @throws CryptoError `corrupt-record` */
export function deserializeSessionRecord(bytes: Uint8Array): SessionRecord {
  return asRecord(() => {
    const reader = new RecordReader(bytes);
    if (reader.u8() !== FORMAT) throw corrupt('unknown session record format');
    const current = reader.flag() ? reader.nested(readSession) : null;
    const archived = Array.from({ length: reader.count(MAX_LIST) }, () => reader.nested(readSession));
    reader.end();
    return { current, archived };
  });
}

/** Whatever a damaged record trips over, the caller sees one code. */
function asRecord<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CryptoError) || cause.code === 'corrupt-record') throw cause;
    throw corrupt(cause.message, cause);
  }
}

function writeRatchet(writer: RecordWriter, ratchet: DoubleRatchet): void {
  const { ratchetKeyPair, chainKey } = ratchet.sender;
  writer
    .fixed(ratchet.rootKey)
    .fixed(ratchetKeyPair.privateKey)
    .fixed(rawPublicKey(ratchetKeyPair.publicKey))
    .fixed(chainKey.key)
    .u32(chainKey.index)
    .u32(ratchet.previousCounter)
    .varint(ratchet.receivers.length);
  for (const chain of ratchet.receivers) {
    writer
      .fixed(rawPublicKey(chain.ratchetKey))
      .fixed(chain.chainKey.key)
      .u32(chain.chainKey.index)
      .bytes(chain.skipped);
  }
}

function readRatchet(reader: RecordReader): DoubleRatchet {
  const rootKey = reader.fixed(32);
  const privateKey = reader.fixed(32);
  const publicKey = publicKeyFromRaw(reader.fixed(32));
  const chainKey = readChainKey(reader);
  const previousCounter = reader.u32();
  const receivers = Array.from({ length: reader.count(MAX_LIST) }, () => readReceiverChain(reader));
  return { rootKey, sender: { ratchetKeyPair: { publicKey, privateKey }, chainKey }, receivers, previousCounter };
}

function readReceiverChain(reader: RecordReader): ReceiverChain {
  const ratchetKey = publicKeyFromRaw(reader.fixed(32));
  const chainKey = readChainKey(reader);
  const skipped = reader.bytes();
  if (!areSkippedSeedsValid(skipped, chainKey.index)) throw corrupt('skipped seeds out of order');
  return { ratchetKey, chainKey, skipped };
}

function readChainKey(reader: RecordReader): ChainKey {
  return { key: reader.fixed(32), index: reader.u32() };
}

const HAS_PENDING = 1;
const HAS_ONE_TIME = 2;
const HAS_KEM = 4;

function writePending(writer: RecordWriter, pending: PendingPreKey | null): void {
  if (pending === null) {
    writer.u8(0);
    return;
  }
  const { oneTimePreKeyId, kem } = pending;
  writer
    .u8(HAS_PENDING | (oneTimePreKeyId === null ? 0 : HAS_ONE_TIME) | (kem === null ? 0 : HAS_KEM))
    .u32(pending.signedPreKeyId)
    .u48(pending.createdAt);
  if (oneTimePreKeyId !== null) writer.u32(oneTimePreKeyId);
  if (kem !== null) writer.u32(kem.id).fixed(kem.ciphertext);
}

function readPending(reader: RecordReader): PendingPreKey | null {
  const flags = reader.u8();
  if (flags === 0) return null;
  if ((flags & HAS_PENDING) === 0 || flags > (HAS_PENDING | HAS_ONE_TIME | HAS_KEM)) throw corrupt('bad flags');
  const signedPreKeyId = reader.u32();
  const createdAt = reader.u48();
  const oneTimePreKeyId = (flags & HAS_ONE_TIME) === 0 ? null : reader.u32();
  const kem = (flags & HAS_KEM) === 0 ? null : { id: reader.u32(), ciphertext: reader.fixed(KEM_CIPHERTEXT_LENGTH) };
  return { oneTimePreKeyId, signedPreKeyId, kem, createdAt };
}
