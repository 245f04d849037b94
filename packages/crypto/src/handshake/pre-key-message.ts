/** PreKey message (handshake.md §3): what the initiator wraps its messages in until the first answer was decrypted. */
import { CryptoError } from '../errors.js';
import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { KEM_CIPHERTEXT_LENGTH } from '../kem/kyber1024.js';
import {
  parseKeyField,
  parseSignalMessage,
  parseVersion,
  versionByte,
  type SessionVersion,
  type SignalMessage,
} from '../ratchet/signal-message.js';

/** KEM part of a version 4 PreKey message; the ciphertext has 1569 bytes. */
export interface KemEncapsulation {
  readonly id: number;
  readonly ciphertext: Uint8Array;
}

export interface PreKeyMessageFields {
  readonly version: SessionVersion;
  readonly registrationId: number;
  readonly oneTimePreKeyId: number | null;
  readonly signedPreKeyId: number;
  readonly kem: KemEncapsulation | null;
  /** 33 bytes */
  readonly baseKey: Uint8Array;
  /** 33 bytes */
  readonly identityKey: Uint8Array;
}

export interface PreKeyMessage extends PreKeyMessageFields {
  readonly inner: SignalMessage;
}

/** What a receiver needs to know before decrypting: which private prekeys to load, and whose identity to judge. */
export interface PreKeyMessageInfo {
  readonly version: SessionVersion;
  readonly identityKey: Uint8Array;
  readonly registrationId: number;
  readonly signedPreKeyId: number;
  readonly kemPreKeyId?: number | undefined;
  readonly oneTimePreKeyId?: number | undefined;
  /** 33 bytes; names the handshake */
  readonly baseKey: Uint8Array;
}

export function encodePreKeyMessage(fields: PreKeyMessageFields, inner: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter(inner.length + (fields.kem?.ciphertext.length ?? 0) + 128);
  writer.byte(versionByte(fields.version));
  if (fields.oneTimePreKeyId !== null) writer.uint32(1, fields.oneTimePreKeyId);
  writer
    .bytes(2, fields.baseKey)
    .bytes(3, fields.identityKey)
    .bytes(4, inner)
    .uint32(5, fields.registrationId)
    .uint32(6, fields.signedPreKeyId);
  if (fields.kem !== null) writer.uint32(7, fields.kem.id).bytes(8, fields.kem.ciphertext);
  return writer.finish();
}

/**
 * @throws CryptoError `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf`, or `invalid-message`
 *   when the KEM fields do not fit the version
 */
export function parsePreKeyMessage(bytes: Uint8Array): PreKeyMessage {
  const version = parseVersion(bytes);
  let oneTimePreKeyId: number | null = null;
  let baseKey: Uint8Array | null = null;
  let identityKey: Uint8Array | null = null;
  let inner: Uint8Array | null = null;
  let registrationId = 0;
  let signedPreKeyId: number | null = null;
  let kemId: number | null = null;
  let kemCiphertext: Uint8Array | null = null;
  const reader = new ProtobufReader(bytes.subarray(1));
  while (reader.next()) {
    if (reader.field === 1) oneTimePreKeyId = reader.uint32();
    else if (reader.field === 2) baseKey = reader.bytes();
    else if (reader.field === 3) identityKey = reader.bytes();
    else if (reader.field === 4) inner = reader.bytes();
    else if (reader.field === 5) registrationId = reader.uint32();
    else if (reader.field === 6) signedPreKeyId = reader.uint32();
    else if (reader.field === 7) kemId = reader.uint32();
    else if (reader.field === 8) kemCiphertext = reader.bytes();
    else reader.skip();
  }
  if (inner === null || signedPreKeyId === null) {
    throw new CryptoError('invalid-protobuf', 'missing inner message or signed prekey id');
  }
  return {
    version,
    oneTimePreKeyId,
    registrationId,
    signedPreKeyId,
    baseKey: parseKeyField(baseKey, 'base key'),
    identityKey: parseKeyField(identityKey, 'identity key'),
    kem: kemEncapsulation(version, kemId, kemCiphertext),
    inner: parseSignalMessage(inner),
  };
}

function kemEncapsulation(
  version: SessionVersion,
  id: number | null,
  ciphertext: Uint8Array | null,
): KemEncapsulation | null {
  if (id === null && ciphertext === null && version === 3) return null;
  if (id === null || ciphertext === null) {
    throw new CryptoError('invalid-message', 'a PreKey message of version 4 names a KEM prekey and its ciphertext');
  }
  if (ciphertext.length !== KEM_CIPHERTEXT_LENGTH) {
    throw new CryptoError('invalid-message', 'bad KEM ciphertext length');
  }
  return { id, ciphertext };
}

/**
 * Reads a PreKey message without decrypting it. Nothing in it is authenticated yet.
 * @throws CryptoError as {@link parsePreKeyMessage}
 */
export function readPreKeyMessage(bytes: Uint8Array): PreKeyMessageInfo {
  const { version, identityKey, registrationId, signedPreKeyId, kem, oneTimePreKeyId, baseKey } =
    parsePreKeyMessage(bytes);
  return {
    version,
    identityKey,
    registrationId,
    signedPreKeyId,
    baseKey,
    ...(kem === null ? {} : { kemPreKeyId: kem.id }),
    ...(oneTimePreKeyId === null ? {} : { oneTimePreKeyId }),
  };
}
