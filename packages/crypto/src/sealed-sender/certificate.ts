/**
 * Certificates of sealed sender (sealed-sender.md 1). A trust root signs server keys, a server key signs senders. Signatures
 * cover the bytes as they came; nothing is ever encoded again.
 */
import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { formatUuid, UUID_BYTES } from '../encoding/uuid.js';
import { CryptoError } from '../errors.js';
import { parsePublicKey } from '../keys/curve25519.js';
import { type SignatureVerdict, verifyOrLookUp } from '../keys/signature-verdict.js';
import { sign, SIGNATURE_LENGTH } from '../keys/xeddsa.js';
import type { RandomBytes } from '../primitives/random.js';

/** Ids that are never trusted: this one is libsignal's test of revocation. */
const REVOKED_SERVER_IDS: readonly number[] = [0xdeadc357];
const MAX_DEVICE_ID = 127;

interface SignedBytes {
  /** What the signature covers. */
  readonly certificate: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export interface ServerCertificate extends SignedBytes {
  /** u32. */
  readonly id: number;
  /** 33 bytes. */
  readonly publicKey: Uint8Array;
  /** The whole, as it came. */
  readonly bytes: Uint8Array;
}

export interface SenderCertificate extends SignedBytes {
  /** The sender's UUID. */
  readonly uuid: string;
  /** Phone number, or null. */
  readonly e164: string | null;
  /** 1..127. */
  readonly deviceId: number;
  /** Milliseconds since 1970; still good at this very time. */
  readonly expires: number;
  /** 33 bytes. */
  readonly identityKey: Uint8Array;
  /** The certificate of the server that signed, or the id of one that the receiver knows. */
  readonly signer: ServerCertificate | number;
  /** The whole, as it came. */
  readonly bytes: Uint8Array;
}

function bad(why: string, cause?: unknown): CryptoError {
  return new CryptoError('bad-certificate', why, cause === undefined ? {} : { cause });
}

/** Runs a parser; whatever is wrong with the bytes makes a bad certificate. */
function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw cause instanceof CryptoError && cause.code === 'bad-certificate'
      ? cause
      : bad('malformed certificate', cause);
  }
}

function readSigned(bytes: Uint8Array): SignedBytes {
  let certificate: Uint8Array | null = null;
  let signature: Uint8Array | null = null;
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) certificate = reader.bytes();
    else if (reader.field === 2) signature = reader.bytes();
    else reader.skip();
  }
  if (certificate === null || signature?.length !== SIGNATURE_LENGTH) throw bad('certificate or signature missing');
  return { certificate, signature };
}

function writeSigned(certificate: Uint8Array, privateKey: Uint8Array, random: RandomBytes): Uint8Array {
  return new ProtobufWriter()
    .bytes(1, certificate)
    .bytes(2, sign(privateKey, certificate, random))
    .finish();
}

/** @throws CryptoError `bad-certificate` */
export function parseServerCertificate(input: Uint8Array): ServerCertificate {
  return parsed(() => {
    const bytes = input.slice();
    const signed = readSigned(bytes);
    let id: number | null = null;
    let publicKey: Uint8Array | null = null;
    const reader = new ProtobufReader(signed.certificate);
    while (reader.next()) {
      if (reader.field === 1) id = reader.uint32();
      else if (reader.field === 2) publicKey = reader.bytes();
      else reader.skip();
    }
    if (id === null || publicKey === null) throw bad('server certificate with a field missing');
    return { ...signed, id, publicKey: parsePublicKey(publicKey), bytes };
  });
}

/** @throws CryptoError `bad-certificate` */
export function parseSenderCertificate(input: Uint8Array): SenderCertificate {
  return parsed(() => {
    const bytes = input.slice();
    const signed = readSigned(bytes);
    return { ...readSenderFields(signed.certificate), ...signed, bytes };
  });
}

function readSenderFields(certificate: Uint8Array): Omit<SenderCertificate, keyof SignedBytes | 'bytes'> {
  const text = new TextDecoder('utf-8', { fatal: true });
  let uuid: string | null = null;
  let e164: string | null = null;
  let deviceId: number | null = null;
  let expires: number | null = null;
  let identityKey: Uint8Array | null = null;
  let signer: ServerCertificate | number | null = null;
  const reader = new ProtobufReader(certificate);
  while (reader.next()) {
    if (reader.field === 1) e164 = text.decode(reader.bytes());
    else if (reader.field === 2) deviceId = reader.uint32();
    else if (reader.field === 3) expires = reader.fixed64();
    else if (reader.field === 4) identityKey = reader.bytes();
    else if (reader.field === 5) signer = parseServerCertificate(reader.bytes());
    else if (reader.field === 6) uuid = text.decode(reader.bytes());
    else if (reader.field === 7) uuid = readUuid(reader.bytes());
    else if (reader.field === 8) signer = reader.uint32();
    else reader.skip();
  }
  if (uuid === null || deviceId === null || expires === null || identityKey === null || signer === null) {
    throw bad('sender certificate with a field missing');
  }
  if (deviceId < 1 || deviceId > MAX_DEVICE_ID) throw bad('device id out of range');
  return { uuid, e164, deviceId, expires, identityKey: parsePublicKey(identityKey), signer };
}

function readUuid(bytes: Uint8Array): string {
  if (bytes.length !== UUID_BYTES) throw bad('a UUID has 16 bytes');
  return formatUuid(bytes);
}

export interface CertificateTrust {
  /** Keys (33 bytes each) of which one must have signed the server certificate. */
  readonly trustRoots: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Server certificates that senders may name by id. */
  readonly knownServers?: readonly ServerCertificate[];
  /** Server ids that are no longer trusted. */
  readonly revokedServerIds?: readonly number[];
  /** Verifications done ahead. */
  readonly verdicts?: readonly SignatureVerdict[];
}

/**
 * Checks that a trusted server vouches for the sender now.
 * @throws CryptoError `bad-certificate`
 */
export function validateSenderCertificate(certificate: SenderCertificate, trust: CertificateTrust): void {
  const server = signerOf(certificate, trust);
  const isSigned = (by: Uint8Array, { certificate: message, signature }: SignedBytes): boolean =>
    verifyOrLookUp(by, message, signature, trust.verdicts);
  // All roots are tried, so that the time taken does not tell which one it was.
  const trusted = trust.trustRoots.filter((root) => isSigned(root, server)).length > 0;
  if (!trusted) throw bad('the server is not signed by a trust root');
  const revoked = [...REVOKED_SERVER_IDS, ...(trust.revokedServerIds ?? [])];
  if (revoked.includes(server.id)) throw bad('the server is revoked');
  if (!isSigned(server.publicKey, certificate)) throw bad('the sender is not signed by the server');
  if (trust.now > certificate.expires) throw bad('the sender certificate expired');
}

function signerOf({ signer }: SenderCertificate, { knownServers = [] }: CertificateTrust): ServerCertificate {
  if (typeof signer !== 'number') return signer;
  const known = knownServers.find(({ id }) => id === signer);
  if (known === undefined) throw bad(`unknown server ${signer}`);
  return known;
}

/** Makes a server certificate; returns its bytes. */
export function createServerCertificate(input: {
  readonly id: number;
  /** 33 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly trustRootPrivateKey: Uint8Array;
  readonly random: RandomBytes;
}): Uint8Array {
  const certificate = new ProtobufWriter(64).uint32(1, input.id).bytes(2, parsePublicKey(input.publicKey)).finish();
  return writeSigned(certificate, input.trustRootPrivateKey, input.random);
}

/** Makes a sender certificate; returns its bytes. */
export function createSenderCertificate(input: {
  readonly uuid: string;
  readonly e164?: string;
  /** 1..127. */
  readonly deviceId: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** 33 bytes. */
  readonly identityKey: Uint8Array;
  /** The server certificate's bytes. */
  readonly serverCertificate: Uint8Array;
  /** 32 bytes. */
  readonly serverPrivateKey: Uint8Array;
  readonly random: RandomBytes;
}): Uint8Array {
  const text = new TextEncoder();
  const writer = new ProtobufWriter(512);
  if (input.e164 !== undefined) writer.bytes(1, text.encode(input.e164));
  writer
    .uint32(2, input.deviceId)
    .fixed64(3, input.expires)
    .bytes(4, parsePublicKey(input.identityKey))
    .bytes(5, input.serverCertificate)
    .bytes(6, text.encode(input.uuid));
  return writeSigned(writer.finish(), input.serverPrivateKey, input.random);
}
