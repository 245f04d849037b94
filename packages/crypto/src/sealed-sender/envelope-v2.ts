/** Sealed sender version 2: encrypted once, for many recipients (sealed-sender.md 5). */
import { gcmsiv } from '@noble/ciphers/aes.js';

import { CryptoError } from '../errors.js';
import { serviceIdFixedWidth } from '../keys/address.js';
import { agree, type KeyPair, keyPairFromPrivate, publicKeyFromRaw, rawPublicKey } from '../keys/curve25519.js';
import { ascii, concat, wipe } from '../primitives/bytes.js';
import { constantTimeEqual } from '../primitives/constant-time.js';
import { hkdf } from '../primitives/hkdf.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import { invalidEnvelope } from './envelope-error.js';
import { decodeSealedContent, type SealedContent } from './sealed-content.js';
import {
  AUTH_TAG_BYTES,
  encodeSentMessage,
  MASKED_KEY_BYTES,
  type SentDevice,
  type SentRecipient,
} from './sent-message.js';

const RAW_KEY_BYTES = 32;
const CIPHER_TAG_BYTES = 16;
const MESSAGE_KEY_BYTES = 32;
const MAX_REGISTRATION_ID = 0x3fff;

const LABEL_R = ascii('Sealed Sender v2: r (2023-08)');
const LABEL_K = ascii('Sealed Sender v2: K');
const LABEL_DH = ascii('Sealed Sender v2: DH');
const LABEL_DH_SENDER = ascii('Sealed Sender v2: DH-sender');
/** Each message has its own key, so the nonce may be constant. */
const ZERO_NONCE = new Uint8Array(12);

/** What the random message key M (32 bytes) stands for. */
function deriveKeys(m: Uint8Array): { ephemeral: KeyPair; cipherKey: Uint8Array } {
  const ephemeral = keyPairFromPrivate(hkdf(null, m, LABEL_R, 32));
  return { ephemeral, cipherKey: hkdf(null, m, LABEL_K, 32) };
}

/** Masks M, or takes the mask off: `KDF(DH || ser(E) || ser(R)) XOR M`. */
function mask(shared: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array, m: Uint8Array): Uint8Array {
  const pad = hkdf(null, concat(shared, ephemeral, recipient), LABEL_DH, MASKED_KEY_BYTES);
  return pad.map((byte, i) => byte ^ (m[i] ?? 0));
}

/** AT, from the agreement of the two identity keys. */
function authTag(
  shared: Uint8Array,
  { ephemeral, masked, sender, recipient }: Record<'ephemeral' | 'masked' | 'sender' | 'recipient', Uint8Array>,
): Uint8Array {
  return hkdf(null, concat(shared, ephemeral, masked, sender, recipient), LABEL_DH_SENDER, AUTH_TAG_BYTES);
}

/** A device to seal for. Adjacent devices of one name share an entry, and so must have the same identity key. */
export interface SealRecipient {
  /** Service id. */
  readonly name: string;
  /** 1..127. */
  readonly deviceId: number;
  /** At most 0x3fff. */
  readonly registrationId: number;
  /** 33 bytes. */
  readonly identityKey: Uint8Array;
}

/**
 * Seals content (`encodeSealedContent`) for many devices: the sent form, which the server splits (`splitSentMessage`).
 *
 * @param input.excluded service ids of members who deliberately get nothing
 * @param input.random asked for 32 bytes
 * @throws CryptoError `invalid-argument` for a name that is no service id or a registration id above 0x3fff
 */
export function sealForMany(input: {
  readonly content: Uint8Array;
  readonly sender: KeyPair;
  readonly recipients: readonly SealRecipient[];
  readonly excluded?: readonly string[];
  readonly random: RandomBytes;
}): Uint8Array {
  const m = Uint8Array.from(draw(input.random, MESSAGE_KEY_BYTES));
  const { ephemeral, cipherKey } = deriveKeys(m);
  const ciphertext = gcmsiv(cipherKey, ZERO_NONCE).encrypt(input.content);
  const recipients = groupByName(input.recipients).map(({ name, identityKey, devices }): SentRecipient => {
    const masked = mask(agree(ephemeral.privateKey, identityKey), ephemeral.publicKey, identityKey, m);
    const tag = authTag(agree(input.sender.privateKey, identityKey), {
      ephemeral: ephemeral.publicKey,
      masked,
      sender: input.sender.publicKey,
      recipient: identityKey,
    });
    return { serviceId: requireServiceId(name), devices, masked, tag };
  });
  wipe(m, cipherKey, ephemeral.privateKey);
  return encodeSentMessage({
    recipients,
    excluded: (input.excluded ?? []).map(requireServiceId),
    ephemeral: rawPublicKey(ephemeral.publicKey),
    ciphertext,
  });
}

function groupByName(
  recipients: readonly SealRecipient[],
): { name: string; identityKey: Uint8Array; devices: SentDevice[] }[] {
  const entries: { name: string; identityKey: Uint8Array; devices: SentDevice[] }[] = [];
  for (const { name, identityKey, deviceId, registrationId } of recipients) {
    if (registrationId > MAX_REGISTRATION_ID) throw new CryptoError('invalid-argument', 'registration id too large');
    const last = entries.at(-1);
    if (last?.name === name) last.devices.push({ deviceId, registrationId });
    else entries.push({ name, identityKey, devices: [{ deviceId, registrationId }] });
  }
  return entries;
}

function requireServiceId(name: string): Uint8Array {
  const serviceId = serviceIdFixedWidth(name);
  if (serviceId === null) throw new CryptoError('invalid-argument', 'sealed sender needs service ids');
  return serviceId;
}

/** @throws CryptoError `invalid-message`, `invalid-protobuf`, `bad-key`, `bad-certificate` */
export function openV2(envelope: Uint8Array, recipient: KeyPair): SealedContent {
  const fixed = 1 + MASKED_KEY_BYTES + AUTH_TAG_BYTES + RAW_KEY_BYTES;
  if (envelope.length < fixed + CIPHER_TAG_BYTES) throw invalidEnvelope('too short');
  const masked = envelope.subarray(1, 1 + MASKED_KEY_BYTES);
  const tag = envelope.subarray(1 + MASKED_KEY_BYTES, fixed - RAW_KEY_BYTES);
  const ephemeral = publicKeyFromRaw(envelope.subarray(fixed - RAW_KEY_BYTES, fixed));
  const m = mask(agree(recipient.privateKey, ephemeral), ephemeral, recipient.publicKey, masked);
  const derived = deriveKeys(m);
  if (!constantTimeEqual(derived.ephemeral.publicKey, ephemeral)) throw invalidEnvelope('wrong ephemeral key');
  const content = decodeSealedContent(decrypt(derived.cipherKey, envelope.subarray(fixed)));
  const sender = content.certificate.identityKey;
  const expected = authTag(agree(recipient.privateKey, sender), {
    ephemeral,
    masked,
    sender,
    recipient: recipient.publicKey,
  });
  if (!constantTimeEqual(expected, tag)) throw invalidEnvelope('not sealed by the owner of the certificate');
  return content;
}

function decrypt(cipherKey: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  try {
    return gcmsiv(cipherKey, ZERO_NONCE).decrypt(ciphertext);
  } catch {
    throw invalidEnvelope('wrong tag');
  }
}
