/**
 * SignalMessage (double-ratchet.md §3, §4): `version byte || protobuf || 8-byte MAC`.
 *
 *   MAC = HMAC(MAC key, ser(sender IK) || ser(receiver IK) || everything before the MAC)[0..8]
 */
import { CryptoError, hasCode } from '../errors.js';
import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { parsePublicKey } from '../keys/curve25519.js';
import { hmacSha256 } from '../primitives/hmac.js';
import { constantTimeEqual } from '../primitives/constant-time.js';

/** 3 = X3DH, 4 = PQXDH. */
export type SessionVersion = 3 | 4;

/** Newest version that this software knows: the low nibble of the version byte. */
const NEWEST_VERSION = 4;
const MAC_LENGTH = 8;

export interface SignalMessage {
  readonly version: SessionVersion;
  /** 33 bytes */
  readonly ratchetKey: Uint8Array;
  readonly counter: number;
  readonly ciphertext: Uint8Array;
  /** The post-quantum ratchet's bytes; empty when the sender has none. */
  readonly pqMessage: Uint8Array;
  /** 36 bytes when well-formed; null when absent. */
  readonly addresses: Uint8Array | null;
  /** Everything before the MAC, as received. */
  readonly authenticated: Uint8Array;
  readonly mac: Uint8Array;
}

/** Sender's and receiver's identity keys (33 bytes each) of one message. */
export interface MacIdentities {
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
}

export function versionByte(version: SessionVersion): number {
  return (version << 4) | NEWEST_VERSION;
}

/**
 * High nibble of a message's first byte.
 * @throws CryptoError `too-short`, `legacy-version` below 3, `unrecognized-version` above 4
 */
export function parseVersion(bytes: Uint8Array): SessionVersion {
  const first = bytes[0];
  if (first === undefined) throw new CryptoError('too-short', 'empty message');
  const version = first >> 4;
  if (version < 3) throw new CryptoError('legacy-version', `message version ${version}`);
  if (version > 4) throw new CryptoError('unrecognized-version', `message version ${version}`);
  return version === 3 ? 3 : 4;
}

/** A public key inside a message: a malformed one makes the whole message `invalid-protobuf`. */
export function parseKeyField(bytes: Uint8Array | null, what: string): Uint8Array {
  if (bytes === null) throw new CryptoError('invalid-protobuf', `missing ${what}`);
  try {
    return parsePublicKey(bytes);
  } catch (cause) {
    if (hasCode(cause, 'bad-key')) throw new CryptoError('invalid-protobuf', `malformed ${what}`, { cause });
    throw cause;
  }
}

/** The parts of an outgoing message, before its MAC. */
export interface SignalMessageFields {
  readonly version: SessionVersion;
  readonly ratchetKey: Uint8Array;
  readonly counter: number;
  readonly previousCounter: number;
  readonly ciphertext: Uint8Array;
  readonly pqMessage: Uint8Array;
  readonly addresses: Uint8Array | null;
}

export function encodeSignalMessage(
  fields: SignalMessageFields,
  macKey: Uint8Array,
  identities: MacIdentities,
): Uint8Array {
  const writer = new ProtobufWriter(fields.ciphertext.length + fields.pqMessage.length + 128)
    .byte(versionByte(fields.version))
    .bytes(1, fields.ratchetKey)
    .uint32(2, fields.counter)
    .uint32(3, fields.previousCounter)
    .bytes(4, fields.ciphertext);
  if (fields.pqMessage.length > 0) writer.bytes(5, fields.pqMessage);
  if (fields.addresses !== null) writer.bytes(6, fields.addresses);
  return writer.raw(computeMac(writer.written(), macKey, identities)).finish();
}

/** @throws CryptoError `too-short`, `legacy-version`, `unrecognized-version` or `invalid-protobuf` */
export function parseSignalMessage(bytes: Uint8Array): SignalMessage {
  const version = parseVersion(bytes);
  if (bytes.length < 1 + MAC_LENGTH) throw new CryptoError('too-short', `message of ${bytes.length} bytes`);
  const authenticated = bytes.subarray(0, bytes.length - MAC_LENGTH);
  let ratchetKey: Uint8Array | null = null;
  let counter: number | null = null;
  let ciphertext: Uint8Array | null = null;
  let pqMessage: Uint8Array = new Uint8Array(0);
  let addresses: Uint8Array | null = null;
  const reader = new ProtobufReader(authenticated.subarray(1));
  while (reader.next()) {
    if (reader.field === 1) ratchetKey = reader.bytes();
    else if (reader.field === 2) counter = reader.uint32();
    else if (reader.field === 3) reader.uint32();
    else if (reader.field === 4) ciphertext = reader.bytes();
    else if (reader.field === 5) pqMessage = reader.bytes();
    else if (reader.field === 6) addresses = reader.bytes();
    else reader.skip();
  }
  if (counter === null || ciphertext === null) throw new CryptoError('invalid-protobuf', 'missing counter or body');
  return {
    version,
    ratchetKey: parseKeyField(ratchetKey, 'ratchet key'),
    counter,
    ciphertext,
    pqMessage,
    addresses,
    authenticated,
    mac: bytes.subarray(bytes.length - MAC_LENGTH),
  };
}

/** Constant-time check of the MAC over the bytes as received. */
export function isMacValid(message: SignalMessage, macKey: Uint8Array, identities: MacIdentities): boolean {
  return constantTimeEqual(computeMac(message.authenticated, macKey, identities), message.mac);
}

function computeMac(authenticated: Uint8Array, macKey: Uint8Array, identities: MacIdentities): Uint8Array {
  return hmacSha256(macKey, identities.sender, identities.receiver, authenticated).subarray(0, MAC_LENGTH);
}
