/**
 * Our own prekeys (keys-and-signatures.md §4): made here, published by their public halves, stored as versioned
 * records.
 */
import { CryptoError } from '../errors.js';
import { corrupt, RecordReader } from '../encoding/record-reader.js';
import { RecordWriter } from '../encoding/record-writer.js';
import {
  checkKemPublicKey,
  checkKemSecretKey,
  generateKemKeyPair,
  KEM_PUBLIC_KEY_LENGTH,
  KEM_SECRET_KEY_LENGTH,
  type KemKeyPair,
} from '../kem/kyber1024.js';
import { generateKeyPair, publicKeyFromRaw, rawPublicKey, type KeyPair } from '../keys/curve25519.js';
import { sign, SIGNATURE_LENGTH } from '../keys/xeddsa.js';
import type { RandomBytes } from '../primitives/random.js';

/** Ids stay within the range that every client has always used. */
export const MAX_PRE_KEY_ID = 0xff_ffff;

export interface OneTimePreKey {
  /** 1..0xffffff */
  readonly id: number;
  readonly keyPair: KeyPair;
}

export interface SignedPreKey {
  readonly id: number;
  readonly keyPair: KeyPair;
  /** XEdDSA of the identity key over the serialized public key, 64 bytes. */
  readonly signature: Uint8Array;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface KemPreKey {
  readonly id: number;
  readonly keyPair: KemKeyPair;
  readonly signature: Uint8Array;
  readonly createdAt: number;
}

interface SignedInput {
  readonly id: number;
  readonly identityKeyPair: KeyPair;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: RandomBytes;
}

export function generateOneTimePreKey(id: number, random: RandomBytes): OneTimePreKey {
  checkId(id);
  return { id, keyPair: generateKeyPair(random) };
}

export function generateSignedPreKey({ id, identityKeyPair, now, random }: SignedInput): SignedPreKey {
  checkId(id);
  const keyPair = generateKeyPair(random);
  const signature = sign(identityKeyPair.privateKey, keyPair.publicKey, random);
  return { id, keyPair, signature, createdAt: now };
}

/** One-time and last-resort KEM prekeys have the same format. */
export function generateKemPreKey({ id, identityKeyPair, now, random }: SignedInput): KemPreKey {
  checkId(id);
  const keyPair = generateKemKeyPair(random);
  const signature = sign(identityKeyPair.privateKey, keyPair.publicKey, random);
  return { id, keyPair, signature, createdAt: now };
}

function checkId(id: number): void {
  if (!Number.isInteger(id) || id < 1 || id > MAX_PRE_KEY_ID) {
    throw new CryptoError('invalid-argument', `prekey id must be 1..${MAX_PRE_KEY_ID}`);
  }
}

const FORMAT = 1;

export function serializeOneTimePreKey({ id, keyPair }: OneTimePreKey): Uint8Array {
  return writeKeyPair(new RecordWriter(69).u8(FORMAT).u32(id), keyPair).finish();
}

/** @throws CryptoError `corrupt-record` */
export function deserializeOneTimePreKey(bytes: Uint8Array): OneTimePreKey {
  const reader = start(bytes);
  const preKey = { id: reader.u32(), keyPair: readKeyPair(reader) };
  reader.end();
  return preKey;
}

export function serializeSignedPreKey({ id, keyPair, signature, createdAt }: SignedPreKey): Uint8Array {
  return writeKeyPair(new RecordWriter(139).u8(FORMAT).u32(id), keyPair).fixed(signature).u48(createdAt).finish();
}

/** @throws CryptoError `corrupt-record` */
export function deserializeSignedPreKey(bytes: Uint8Array): SignedPreKey {
  const reader = start(bytes);
  const preKey = {
    id: reader.u32(),
    keyPair: readKeyPair(reader),
    signature: reader.fixed(SIGNATURE_LENGTH),
    createdAt: reader.u48(),
  };
  reader.end();
  return preKey;
}

export function serializeKemPreKey({ id, keyPair, signature, createdAt }: KemPreKey): Uint8Array {
  return new RecordWriter(4813)
    .u8(FORMAT)
    .u32(id)
    .fixed(keyPair.publicKey)
    .fixed(keyPair.secretKey)
    .fixed(signature)
    .u48(createdAt)
    .finish();
}

/** @throws CryptoError `corrupt-record` */
export function deserializeKemPreKey(bytes: Uint8Array): KemPreKey {
  const reader = start(bytes);
  const id = reader.u32();
  const keyPair = { publicKey: reader.fixed(KEM_PUBLIC_KEY_LENGTH), secretKey: reader.fixed(KEM_SECRET_KEY_LENGTH) };
  const signature = reader.fixed(SIGNATURE_LENGTH);
  const createdAt = reader.u48();
  reader.end();
  try {
    checkKemPublicKey(keyPair.publicKey);
    checkKemSecretKey(keyPair.secretKey);
  } catch (cause) {
    throw corrupt('bad KEM key in a prekey record', cause);
  }
  return { id, keyPair, signature, createdAt };
}

function start(bytes: Uint8Array): RecordReader {
  const reader = new RecordReader(bytes);
  if (reader.u8() !== FORMAT) throw corrupt('unknown prekey format');
  return reader;
}

function writeKeyPair(writer: RecordWriter, keyPair: KeyPair): RecordWriter {
  return writer.fixed(keyPair.privateKey).fixed(rawPublicKey(keyPair.publicKey));
}

function readKeyPair(reader: RecordReader): KeyPair {
  const privateKey = reader.fixed(32);
  return { privateKey, publicKey: publicKeyFromRaw(reader.fixed(32)) };
}
