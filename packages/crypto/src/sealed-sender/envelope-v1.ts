/** Sealed sender version 1: one recipient (sealed-sender.md 4). */
import { ctr } from '@noble/ciphers/aes.js';

import { ProtobufReader } from '../encoding/protobuf-reader.js';
import { ProtobufWriter } from '../encoding/protobuf-writer.js';
import { agree, generateKeyPair, type KeyPair, parsePublicKey } from '../keys/curve25519.js';
import { ascii, concat, NO_BYTES, wipe } from '../primitives/bytes.js';
import { constantTimeEqual } from '../primitives/constant-time.js';
import { hkdf } from '../primitives/hkdf.js';
import { hmacSha256 } from '../primitives/hmac.js';
import type { RandomBytes } from '../primitives/random.js';
import { invalidEnvelope } from './envelope-error.js';
import { decodeSealedContent, type SealedContent } from './sealed-content.js';

const V1_BYTE = 0x11;

const SALT_PREFIX = ascii('UnidentifiedDelivery');
const MAC_BYTES = 10;
/** A fresh key encrypts each part, so the counter starts from nothing. */
const ZERO_COUNTER = new Uint8Array(16);

interface LayerKeys {
  /** 32 bytes: salt of the next layer. */
  readonly chain: Uint8Array;
  readonly cipherKey: Uint8Array;
  readonly macKey: Uint8Array;
}

function layerKeys(salt: Uint8Array, shared: Uint8Array): LayerKeys {
  const okm = hkdf(salt, shared, NO_BYTES, 96);
  wipe(shared);
  return { chain: okm.subarray(0, 32), cipherKey: okm.subarray(32, 64), macKey: okm.subarray(64) };
}

/** `AE` of the specification: AES-256-CTR, then 10 bytes of HMAC. */
function encryptLayer({ cipherKey, macKey }: LayerKeys, plaintext: Uint8Array): Uint8Array {
  const ciphertext = ctr(cipherKey, ZERO_COUNTER).encrypt(plaintext);
  return concat(ciphertext, hmacSha256(macKey, ciphertext).subarray(0, MAC_BYTES));
}

function decryptLayer({ cipherKey, macKey }: LayerKeys, bytes: Uint8Array): Uint8Array {
  if (bytes.length < MAC_BYTES) throw invalidEnvelope('part too short');
  const ciphertext = bytes.subarray(0, -MAC_BYTES);
  const mac = hmacSha256(macKey, ciphertext).subarray(0, MAC_BYTES);
  if (!constantTimeEqual(mac, bytes.subarray(-MAC_BYTES))) throw invalidEnvelope('wrong MAC');
  return ctr(cipherKey, ZERO_COUNTER).decrypt(ciphertext);
}

function outerKeys(recipient: Uint8Array, ephemeral: Uint8Array, shared: Uint8Array): LayerKeys {
  return layerKeys(concat(SALT_PREFIX, recipient, ephemeral), shared);
}

/**
 * Seals content (`encodeSealedContent`) for one recipient.
 * @param input.recipient identity key, 33 bytes
 * @param input.random asked for 32 bytes
 */
export function sealForOne(input: {
  readonly content: Uint8Array;
  readonly sender: KeyPair;
  readonly recipient: Uint8Array;
  readonly random: RandomBytes;
}): Uint8Array {
  const { content, sender, recipient } = input;
  const ephemeral = generateKeyPair(input.random);
  const outer = outerKeys(recipient, ephemeral.publicKey, agree(ephemeral.privateKey, recipient));
  const encryptedStatic = encryptLayer(outer, sender.publicKey);
  const inner = layerKeys(concat(outer.chain, encryptedStatic), agree(sender.privateKey, recipient));
  const encryptedMessage = encryptLayer(inner, content);
  return new ProtobufWriter(content.length + 128)
    .byte(V1_BYTE)
    .bytes(1, ephemeral.publicKey)
    .bytes(2, encryptedStatic)
    .bytes(3, encryptedMessage)
    .finish();
}

/** @throws CryptoError `invalid-message`, `invalid-protobuf`, `bad-key`, `bad-certificate` */
export function openV1(envelope: Uint8Array, recipient: KeyPair): SealedContent {
  const { ephemeral, encryptedStatic, encryptedMessage } = readParts(envelope.subarray(1));
  const outer = outerKeys(recipient.publicKey, ephemeral, agree(recipient.privateKey, ephemeral));
  const sender = parsePublicKey(decryptLayer(outer, encryptedStatic));
  const inner = layerKeys(concat(outer.chain, encryptedStatic), agree(recipient.privateKey, sender));
  const content = decodeSealedContent(decryptLayer(inner, encryptedMessage));
  if (!constantTimeEqual(sender, content.certificate.identityKey)) {
    throw invalidEnvelope('sender certificate key does not match message key');
  }
  return content;
}

function readParts(bytes: Uint8Array): Record<'ephemeral' | 'encryptedStatic' | 'encryptedMessage', Uint8Array> {
  let first: Uint8Array | null = null;
  let second: Uint8Array | null = null;
  let third: Uint8Array | null = null;
  const reader = new ProtobufReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) first = reader.bytes();
    else if (reader.field === 2) second = reader.bytes();
    else if (reader.field === 3) third = reader.bytes();
    else reader.skip();
  }
  if (first === null || second === null || third === null) throw invalidEnvelope('part missing');
  return { ephemeral: parsePublicKey(first), encryptedStatic: second, encryptedMessage: third };
}
