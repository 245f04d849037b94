/**
 * Stored form of a sender key record, format 1.
 *
 * ```
 * u8 format (1) | u8 number of states
 *   each:  u32 chain id | u32 iteration | chain key 32 | signature key 32 (without its type byte) | bytes skipped seeds
 *          u8 0: another's; 1: ours, with private key 32; 2: with its Ed25519 seed 32 and public key 32 as well
 * ```
 */
import { corrupt, RecordReader } from '../encoding/record-reader.js';
import { RecordWriter } from '../encoding/record-writer.js';
import { publicKeyFromRaw, rawPublicKey } from '../keys/curve25519.js';
import { areSkippedSeedsValid } from '../primitives/skipped-seeds.js';
import {
  MAX_SENDER_KEY_STATES,
  type SenderKeyRecord,
  type SenderKeyState,
  type SigningKey,
} from './sender-key-record.js';

const FORMAT = 1;
const KEY_BYTES = 32;
const NOT_OURS = 0;
const OURS = 1;
const OURS_WITH_SEED = 2;

/** The record as bytes, about 140 and 36 per skipped message for each state. They hold secrets. */
export function serializeSenderKeyRecord({ states }: SenderKeyRecord): Uint8Array {
  const writer = new RecordWriter(256).u8(FORMAT).u8(states.length);
  for (const { chainId, chain, signing } of states) {
    writer.u32(chainId).u32(chain.chainKey.index).fixed(chain.chainKey.key).fixed(rawPublicKey(chain.ratchetKey));
    writer.bytes(chain.skipped);
    writeSigningKey(writer, signing);
  }
  return writer.finish();
}

function writeSigningKey(writer: RecordWriter, signing: SigningKey | null): void {
  if (signing === null) {
    writer.u8(NOT_OURS);
    return;
  }
  const { privateKey, ed25519 } = signing;
  writer.u8(ed25519 === null ? OURS : OURS_WITH_SEED).fixed(privateKey);
  if (ed25519 !== null) writer.fixed(ed25519.seed).fixed(ed25519.publicKey);
}

/** @throws CryptoError `corrupt-record` */
export function deserializeSenderKeyRecord(bytes: Uint8Array): SenderKeyRecord {
  const reader = new RecordReader(bytes);
  if (reader.u8() !== FORMAT) throw corrupt('unknown sender key format');
  const count = reader.u8();
  if (count > MAX_SENDER_KEY_STATES) throw corrupt('too many sender key states');
  const states = Array.from({ length: count }, () => readState(reader));
  reader.end();
  if (new Set(states.map(({ chainId }) => chainId)).size !== count) throw corrupt('repeated chain id');
  return { states };
}

function readState(reader: RecordReader): SenderKeyState {
  const chainId = reader.u32();
  const index = reader.u32();
  const key = reader.fixed(KEY_BYTES);
  const ratchetKey = publicKeyFromRaw(reader.fixed(KEY_BYTES));
  const skipped = reader.bytes();
  if (!areSkippedSeedsValid(skipped, index)) throw corrupt('skipped seeds out of order');
  return { chainId, chain: { ratchetKey, chainKey: { key, index }, skipped }, signing: readSigningKey(reader) };
}

function readSigningKey(reader: RecordReader): SigningKey | null {
  const owner = reader.u8();
  if (owner === NOT_OURS) return null;
  if (owner > OURS_WITH_SEED) throw corrupt('unknown owner of a sender key');
  const privateKey = reader.fixed(KEY_BYTES);
  if (owner === OURS) return { privateKey, ed25519: null };
  return { privateKey, ed25519: { seed: reader.fixed(KEY_BYTES), publicKey: reader.fixed(KEY_BYTES) } };
}
