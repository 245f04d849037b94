/** What a sealed envelope holds: certificate, message type, message (sealed-sender.md 2). */
import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { CryptoError } from '../errors.js';
import { NO_BYTES } from '../primitives/bytes.js';
import { parseSenderCertificate, type SenderCertificate } from './certificate.js';

/** Numbers on the wire; a PreKey message is 1 here, though 3 elsewhere. */
const TYPE_NUMBERS = { prekey: 1, whisper: 2, 'sender-key': 7, plaintext: 8 } as const;

/** Kind of the message inside: of a pairwise session (`prekey`, `whisper`), a group message, or plaintext content. */
export type SealedMessageType = keyof typeof TYPE_NUMBERS;

/** What the receiver may do when the message does not decrypt. Other numbers are kept as they come. */
export const CONTENT_HINT = { default: 0, resendable: 1, implicit: 2 } as const;

export interface SealedContent {
  readonly type: SealedMessageType;
  readonly certificate: SenderCertificate;
  /** The message, with its version byte. */
  readonly message: Uint8Array;
  /** One of `CONTENT_HINT`, or a number of the future. */
  readonly contentHint: number;
  /** Empty when the message belongs to no group. */
  readonly groupId: Uint8Array;
}

export interface SealedContentInput {
  readonly type: SealedMessageType;
  /** Bytes of our sender certificate. */
  readonly certificate: Uint8Array;
  readonly message: Uint8Array;
  /** Default: `CONTENT_HINT.default`. */
  readonly contentHint?: number;
  readonly groupId?: Uint8Array;
}

export function encodeSealedContent(input: SealedContentInput): Uint8Array {
  const { type, certificate, message, contentHint = CONTENT_HINT.default, groupId = NO_BYTES } = input;
  const writer = new ProtobufWriter(certificate.length + message.length + groupId.length + 32)
    .uint32(1, TYPE_NUMBERS[type])
    .bytes(2, certificate)
    .bytes(3, message);
  if (contentHint !== CONTENT_HINT.default) writer.uint32(4, contentHint);
  if (groupId.length > 0) writer.bytes(5, groupId);
  return writer.finish();
}

/** @throws CryptoError `invalid-protobuf`, `bad-certificate` when the certificate is malformed; it is not validated here */
export function decodeSealedContent(bytes: Uint8Array): SealedContent {
  let typeNumber: number | null = null;
  let certificate: Uint8Array | null = null;
  let message: Uint8Array | null = null;
  let contentHint: number = CONTENT_HINT.default;
  let groupId: Uint8Array = NO_BYTES;
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) typeNumber = reader.uint32();
    else if (reader.field === 2) certificate = reader.bytes();
    else if (reader.field === 3) message = reader.bytes();
    else if (reader.field === 4) contentHint = reader.uint32();
    else if (reader.field === 5) groupId = reader.bytes();
    else reader.skip();
  }
  const type = (Object.keys(TYPE_NUMBERS) as SealedMessageType[]).find((name) => TYPE_NUMBERS[name] === typeNumber);
  if (type === undefined || certificate === null || message === null) {
    throw new CryptoError('invalid-protobuf', 'sealed content with a field missing or of unknown type');
  }
  return { type, certificate: parseSenderCertificate(certificate), message, contentHint, groupId };
}
