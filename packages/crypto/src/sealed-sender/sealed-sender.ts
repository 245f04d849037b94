/** Opening a sealed envelope of either version (sealed-sender.md 3 and 6). */
import { CryptoError } from '../errors.js';
import type { ProtocolAddress } from '../keys/address.js';
import type { KeyPair } from '../keys/curve25519.js';
import { type CertificateTrust, validateSenderCertificate } from './certificate.js';
import { openV1 } from './envelope-v1.js';
import { openV2 } from './envelope-v2.js';
import type { SealedContent, SealedMessageType } from './sealed-content.js';

/**
 * Opens an envelope without judging the sender's certificate; {@link openSealedSender} is what receivers want.
 *
 * @throws CryptoError `too-short`, `unrecognized-version`, `invalid-message`, `invalid-protobuf`, `bad-key`, `bad-certificate`
 */
export function openEnvelope(envelope: Uint8Array, recipient: KeyPair): SealedContent {
  const [first] = envelope;
  if (first === undefined) throw new CryptoError('too-short', 'empty envelope');
  switch (first >> 4) {
    case 0:
    case 1:
      return openV1(envelope, recipient);
    case 2:
      return openV2(envelope, recipient);
    default:
      throw new CryptoError('unrecognized-version', `sealed sender version ${first >> 4}`);
  }
}

export interface OpenSealedSenderInput {
  /** As received; version 2 in its received form. */
  readonly envelope: Uint8Array;
  readonly local: {
    readonly identityKeyPair: KeyPair;
    readonly address: ProtocolAddress;
    /** Our phone number, where certificates carry them. */
    readonly e164?: string;
  };
  readonly trust: CertificateTrust;
}

/** A message and who, by a trusted server's word, sent it. */
export interface OpenedSealedSender {
  readonly sender: ProtocolAddress;
  readonly senderE164: string | null;
  /** 33 bytes, by the certificate. */
  readonly senderIdentityKey: Uint8Array;
  /** `prekey` and `whisper` go to the pairwise session with `sender`, `sender-key` to the sender's group record. */
  readonly type: SealedMessageType;
  readonly message: Uint8Array;
  readonly contentHint: number;
  /** Empty when the message belongs to no group. */
  readonly groupId: Uint8Array;
}

/**
 * Opens an envelope, validates the sender's certificate, and refuses what this very device sent.
 * @throws CryptoError as {@link openEnvelope}; `bad-certificate`, `self-send`
 */
export function openSealedSender({ envelope, local, trust }: OpenSealedSenderInput): OpenedSealedSender {
  const content = openEnvelope(envelope, local.identityKeyPair);
  const { certificate, type, message, contentHint, groupId } = content;
  validateSenderCertificate(certificate, trust);
  const sameNumber = local.e164 !== undefined && certificate.e164 === local.e164;
  const sameUser = certificate.uuid === local.address.name || sameNumber;
  if (sameUser && certificate.deviceId === local.address.deviceId) {
    throw new CryptoError('self-send', 'a sealed message from this device');
  }
  return {
    sender: { name: certificate.uuid, deviceId: certificate.deviceId },
    senderE164: certificate.e164,
    senderIdentityKey: certificate.identityKey,
    type,
    message,
    contentHint,
    groupId,
  };
}
