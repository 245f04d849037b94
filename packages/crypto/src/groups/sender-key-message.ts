/** The two messages of group messaging and their bytes (sender-keys.md 1). */
import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { formatUuid, parseUuid, UUID_BYTES } from '../encoding/uuid.js';
import { CryptoError } from '../errors.js';
import { parsePublicKey, PUBLIC_KEY_LENGTH } from '../keys/curve25519.js';
import { SIGNATURE_LENGTH } from '../keys/xeddsa.js';

/** Version 3 in both nibbles. */
const VERSION_BYTE = 0x33;
/** Of both messages: a version byte and 64 bytes, as libsignal demands. */
const MIN_BYTES = 65;
const CHAIN_KEY_BYTES = 32;

/** Which message of which sender chain this is. */
export interface SenderKeyMessageInfo {
  /** UUID, lower case. */
  readonly distributionId: string;
  /** u32, chosen by the sender. */
  readonly chainId: number;
  /** u32, from 0. */
  readonly iteration: number;
}

export interface DistributionMessage extends SenderKeyMessageInfo {
  /** 32 bytes, the key of `iteration`. */
  readonly chainKey: Uint8Array;
  /** 33 bytes. */
  readonly signatureKey: Uint8Array;
}

export interface SenderKeyMessage extends SenderKeyMessageInfo {
  readonly ciphertext: Uint8Array;
}

export function encodeDistributionMessage(message: DistributionMessage): Uint8Array {
  return startMessage(message, 128).bytes(4, message.chainKey).bytes(5, message.signatureKey).finish();
}

/** Everything before the signature, which is what it covers. */
export function encodeUnsigned(message: SenderKeyMessage): Uint8Array {
  return startMessage(message, 48 + message.ciphertext.length)
    .bytes(4, message.ciphertext)
    .finish();
}

function startMessage({ distributionId, chainId, iteration }: SenderKeyMessageInfo, capacity: number): ProtobufWriter {
  return new ProtobufWriter(capacity)
    .byte(VERSION_BYTE)
    .bytes(1, distributionIdBytes(distributionId))
    .uint32(2, chainId)
    .uint32(3, iteration);
}

function distributionIdBytes(distributionId: string): Uint8Array {
  const bytes = parseUuid(distributionId);
  if (bytes === null) throw new CryptoError('invalid-argument', 'a distribution id is a UUID');
  return bytes;
}

/** @throws CryptoError `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf` */
export function decodeDistributionMessage(bytes: Uint8Array): DistributionMessage {
  checkVersion(bytes);
  const fields = readFields(bytes.subarray(1));
  const { fourth: chainKey, fifth: signatureKey } = fields;
  if (chainKey.length !== CHAIN_KEY_BYTES || signatureKey?.length !== PUBLIC_KEY_LENGTH) {
    throw new CryptoError('invalid-protobuf', 'wrong key length in a distribution message');
  }
  return { ...fields.info, chainKey: chainKey.slice(), signatureKey: parseSignatureKey(signatureKey) };
}

function parseSignatureKey(bytes: Uint8Array): Uint8Array {
  try {
    return parsePublicKey(bytes);
  } catch (cause) {
    throw new CryptoError('invalid-protobuf', 'malformed signature key', { cause });
  }
}

export interface SignedSenderKeyMessage extends SenderKeyMessage {
  /** What the signature covers. */
  readonly signed: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** @throws CryptoError `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf` */
export function decodeSenderKeyMessage(bytes: Uint8Array): SignedSenderKeyMessage {
  checkVersion(bytes);
  const signed = bytes.subarray(0, -SIGNATURE_LENGTH);
  const { info, fourth: ciphertext } = readFields(signed.subarray(1));
  return { ...info, ciphertext, signed, signature: bytes.subarray(-SIGNATURE_LENGTH) };
}

function checkVersion(bytes: Uint8Array): void {
  if (bytes.length < MIN_BYTES) throw new CryptoError('too-short', 'group message too short');
  const version = (bytes[0] ?? 0) >> 4;
  if (version < 3) throw new CryptoError('legacy-version', `group message of version ${version}`);
  if (version > 3) throw new CryptoError('unrecognized-version', `group message of version ${version}`);
}

function readFields(body: Uint8Array): { info: SenderKeyMessageInfo; fourth: Uint8Array; fifth: Uint8Array | null } {
  let id: Uint8Array | null = null;
  let chainId: number | null = null;
  let iteration: number | null = null;
  let fourth: Uint8Array | null = null;
  let fifth: Uint8Array | null = null;
  const reader = new ProtobufReader(body);
  while (reader.next()) {
    if (reader.field === 1) id = reader.bytes();
    else if (reader.field === 2) chainId = reader.uint32();
    else if (reader.field === 3) iteration = reader.uint32();
    else if (reader.field === 4) fourth = reader.bytes();
    else if (reader.field === 5) fifth = reader.bytes();
    else reader.skip();
  }
  if (id?.length !== UUID_BYTES || chainId === null || iteration === null || fourth === null) {
    throw new CryptoError('invalid-protobuf', 'group message with a field missing');
  }
  return { info: { distributionId: formatUuid(id), chainId, iteration }, fourth, fifth };
}
