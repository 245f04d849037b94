/** Fingerprints, shown to people as safety numbers (fingerprint.md). */
import { sha512 } from '@noble/hashes/sha2.js';

import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { CryptoError } from '../errors.js';
import { parsePublicKey } from '../keys/curve25519.js';
import { constantTimeEqual } from '../primitives/constant-time.js';

/** Iterations that Signal's clients use: what makes searching for a key with a similar number costly. */
export const DEFAULT_FINGERPRINT_ITERATIONS = 5200;
const MIN_ITERATIONS = 2;
const MAX_ITERATIONS = 1_000_000;
/** Identifiers are the 16 bytes of the ACI since version 2. */
const DEFAULT_VERSION = 2;

/** Part of each party's hash that scannable fingerprints carry. */
const SCANNABLE_BYTES = 32;
/** Part of each party's hash that digits are made from: six groups of five bytes. */
const DISPLAYABLE_BYTES = 30;
const GROUP_BYTES = 5;

/** Whom a fingerprint is about. */
export interface FingerprintParty {
  /** Stable identifier; by convention the 16 bytes of the ACI in version 2, the phone number in UTF-8 in version 1. */
  readonly id: Uint8Array;
  /** 33 bytes. */
  readonly identityKey: Uint8Array;
}

export interface FingerprintInput {
  readonly local: FingerprintParty;
  readonly remote: FingerprintParty;
  /** Default 2. It changes the scannable form only. */
  readonly version?: number;
  /** 2 to 1,000,000; default 5200. */
  readonly iterations?: number;
}

export interface Fingerprint {
  /** 60 digits, the same on both sides. */
  readonly displayable: string;
  /** For a QR code, about 74 bytes; see {@link matchesScanned}. */
  readonly scannable: Uint8Array;
}

/**
 * The fingerprint of two identities (fingerprint.md 1 to 3). Takes some 10,000 SHA-512 with the default iterations: tens of
 * milliseconds.
 *
 * @throws CryptoError `invalid-argument` for iterations out of range, `bad-key` for a malformed identity key
 */
export function createFingerprint(input: FingerprintInput): Fingerprint {
  const { version = DEFAULT_VERSION, iterations = DEFAULT_FINGERPRINT_ITERATIONS } = input;
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new CryptoError('invalid-argument', `invalid iteration count ${iterations}`);
  }
  const local = hashParty(input.local, iterations);
  const remote = hashParty(input.remote, iterations);
  const displayable = [digits(local), digits(remote)].sort().join('');
  return { displayable, scannable: encodeScannable({ version, local, remote }) };
}

/** `h_0 = SHA512(00 00 || key || id || key)`, `h_i = SHA512(h_(i-1) || key)`. */
function hashParty({ id, identityKey }: FingerprintParty, iterations: number): Uint8Array {
  const key = parsePublicKey(identityKey);
  let hash = sha512.create().update(Uint8Array.of(0, 0)).update(key).update(id).update(key).digest();
  const block = new Uint8Array(hash.length + key.length);
  block.set(key, hash.length);
  for (let i = 1; i < iterations; i++) {
    block.set(hash);
    hash = sha512(block);
  }
  return hash;
}

function digits(hash: Uint8Array): string {
  let text = '';
  for (let start = 0; start < DISPLAYABLE_BYTES; start += GROUP_BYTES) {
    const group = hash.subarray(start, start + GROUP_BYTES).reduce((value, byte) => value * 256 + byte, 0);
    text += String(group % 100_000).padStart(GROUP_BYTES, '0');
  }
  return text;
}

interface Scannable {
  readonly version: number;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

function encodeScannable({ version, local, remote }: Scannable): Uint8Array {
  const part = (hash: Uint8Array): Uint8Array =>
    new ProtobufWriter(64).bytes(1, hash.subarray(0, SCANNABLE_BYTES)).finish();
  return new ProtobufWriter(96).uint32(1, version).bytes(2, part(local)).bytes(3, part(remote)).finish();
}

/**
 * Whether a scanned code shows the same two identities as our own: theirs is our remote and the other way round. Our own
 * code, scanned by mistake, does not match.
 *
 * @throws CryptoError `invalid-protobuf` for a malformed code, `unrecognized-version` when the versions differ
 */
export function matchesScanned(ownScannable: Uint8Array, scanned: Uint8Array): boolean {
  const own = decodeScannable(ownScannable);
  const theirs = decodeScannable(scanned);
  if (own.version !== theirs.version) {
    throw new CryptoError('unrecognized-version', `fingerprint version ${theirs.version}, ours is ${own.version}`);
  }
  const localMatches = constantTimeEqual(theirs.local, own.remote);
  const remoteMatches = constantTimeEqual(theirs.remote, own.local);
  return localMatches && remoteMatches;
}

function decodeScannable(bytes: Uint8Array): Scannable {
  let version = 0;
  let local: Uint8Array | null = null;
  let remote: Uint8Array | null = null;
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) version = reader.uint32();
    else if (reader.field === 2) local = decodePart(reader.bytes());
    else if (reader.field === 3) remote = decodePart(reader.bytes());
    else reader.skip();
  }
  if (local === null || remote === null) throw new CryptoError('invalid-protobuf', 'fingerprint part missing');
  return { version, local, remote };
}

function decodePart(bytes: Uint8Array): Uint8Array {
  let hash: Uint8Array | null = null;
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) hash = reader.bytes();
    else reader.skip();
  }
  if (hash === null) throw new CryptoError('invalid-protobuf', 'fingerprint part is empty');
  return hash;
}
