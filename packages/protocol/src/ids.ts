import * as s from './schema.js';

import { base64Bytes, binary } from './bytes.js';
import { MAX_APP_ID_LENGTH, MAX_DEVICE_ID, MAX_PREKEY_ID, MAX_REGISTRATION_ID } from './limits.js';

/** An app (tenant): the `iss` of its users' tokens. Lower-case letters, digits, `.`, `_`, `-`; at most 64 characters. */
export const appId = s
  .string()
  .check(s.regex(/^[a-z0-9][a-z0-9._-]*$/), s.maxLength(MAX_APP_ID_LENGTH))
  .brand<'AppId'>();
export type AppId = s.Infer<typeof appId>;

/**
 * A user on the wire: the account identifier (ACI), a lower-case hyphenated UUID made from app and user name (see
 * {@link aciInput}). The relay learns names only from tokens and keeps none.
 */
export const aci = s
  .string()
  .check(s.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/))
  .brand<'Aci'>();
export type Aci = s.Infer<typeof aci>;

/** 1..127, allotted by the relay. */
export const deviceId = s.int().check(s.gte(1), s.lte(MAX_DEVICE_ID)).brand<'DeviceId'>();
export type DeviceId = s.Infer<typeof deviceId>;

/** 1..0x3fff, allotted by the relay; never the last one used at the same device id. */
export const registrationId = s.int().check(s.gte(1), s.lte(MAX_REGISTRATION_ID)).brand<'RegistrationId'>();
export type RegistrationId = s.Infer<typeof registrationId>;

/** 1..0xffffff, chosen by the device. */
export const preKeyId = s.int().check(s.gte(1), s.lte(MAX_PREKEY_ID));

/** Position in a mailbox: 1, 2, 3 ... without gaps. 0 means "before the first". */
export const mailboxSeq = s.int().check(s.gte(0));

/**
 * How many times a device has sealed: session steps whose ciphertexts may leave it. Only grows, in the transaction that commits
 * the step, so a vault whose number is lower than one that it has sent is an older copy.
 */
export const sealingCount = s.int().check(s.gte(0));

/** 16 random bytes, made by the sending client; unique per mailbox and sending device. Serves transport only. */
export const envelopeId = binary(16);

/** A device secret: 32 random bytes, known to the device and (hashed) to the relay. */
export const deviceSecret = base64Bytes(32);

const encoder = new TextEncoder();

/**
 * The bytes whose SHA-256 names a user: `"sotto-user" || u8(len(app)) || app || user name`, UTF-8.
 * The ACI is the digest's first 16 bytes through {@link aciFromDigest}.
 */
export function aciInput(app: string, userName: string): Uint8Array {
  const appBytes = encoder.encode(app);
  return concat(encoder.encode('sotto-user'), Uint8Array.of(appBytes.length), appBytes, encoder.encode(userName));
}

/**
 * @param digest at least 16 bytes; the first 16 are used
 * @returns the UUID with version 8 (custom, RFC 9562 section 5.8) and variant bits set
 */
export function aciFromDigest(digest: Uint8Array): Aci {
  const bytes = digest.slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-') as Aci;
}

/** The 16 bytes that an ACI spells. */
export function aciBytes(user: Aci): Uint8Array {
  const hex = user.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
