/** The request to send a message again, which travels unencrypted inside a sealed envelope (sealed-sender.md 7). */
import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { CryptoError } from '../errors.js';
import { parseKeyField } from '../ratchet/signal-message.js';

const PLAINTEXT_BYTE = 0xc0;
/** Padding that ends the content. */
const END_BYTE = 0x80;
const CONTENT_FIELD = 8;

/** Names a message that did not decrypt. */
export interface DecryptionErrorMessage {
  /** Ratchet key of that message, 33 bytes; null for a group message. */
  readonly ratchetKey: Uint8Array | null;
  /** Of its envelope, ms since 1970. */
  readonly timestamp: number;
  /** Device that sent it. */
  readonly deviceId: number;
}

/** Plaintext content that asks for the message again. */
export function encodeDecryptionError({ ratchetKey, timestamp, deviceId }: DecryptionErrorMessage): Uint8Array {
  const inner = new ProtobufWriter(64);
  if (ratchetKey !== null) inner.bytes(1, ratchetKey);
  inner.uint64(2, timestamp).uint32(3, deviceId);
  return new ProtobufWriter(80).byte(PLAINTEXT_BYTE).bytes(CONTENT_FIELD, inner.finish()).byte(END_BYTE).finish();
}

/** @throws CryptoError `invalid-message`, `invalid-protobuf` */
export function decodeDecryptionError(plaintext: Uint8Array): DecryptionErrorMessage {
  if (plaintext[0] !== PLAINTEXT_BYTE) throw new CryptoError('invalid-message', 'not plaintext content');
  const end = plaintext.lastIndexOf(END_BYTE);
  if (end < 1 || plaintext.subarray(end + 1).some((byte) => byte !== 0)) {
    throw new CryptoError('invalid-message', 'plaintext content without an end');
  }
  let inner: Uint8Array | null = null;
  const content = new ProtobufReader(plaintext.subarray(1, end));
  while (content.next()) {
    if (content.field === CONTENT_FIELD) inner = content.bytes();
    else content.skip();
  }
  if (inner === null) throw new CryptoError('invalid-protobuf', 'no decryption error in the content');
  return readFields(inner);
}

function readFields(bytes: Uint8Array): DecryptionErrorMessage {
  let ratchetKey: Uint8Array | null = null;
  let timestamp: number | null = null;
  let deviceId = 0;
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) ratchetKey = reader.bytes();
    else if (reader.field === 2) timestamp = reader.uint64();
    else if (reader.field === 3) deviceId = reader.uint32();
    else reader.skip();
  }
  if (timestamp === null) throw new CryptoError('invalid-protobuf', 'a decryption error without a timestamp');
  return { ratchetKey: ratchetKey === null ? null : parseKeyField(ratchetKey, 'ratchet key'), timestamp, deviceId };
}
