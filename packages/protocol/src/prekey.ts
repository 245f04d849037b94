import * as s from './schema.js';

import { base64Bytes } from './bytes.js';
import type { Aci, DeviceId, RegistrationId } from './ids.js';
import { preKeyId } from './ids.js';

/** An elliptic-curve one-time prekey: unsigned (keys-and-signatures.md, section 4). */
export const oneTimePreKey = s.strictObject({ id: preKeyId, key: base64Bytes(33) });
export type OneTimePreKey = s.Infer<typeof oneTimePreKey>;

/**
 * `signature`: XEdDSA by the identity key over the serialized key (33 bytes).
 * `deviceSignature`: XEdDSA by the device signing key over {@link preKeyMessage}.
 */
export const signedPreKey = s.strictObject({
  id: preKeyId,
  key: base64Bytes(33),
  signature: base64Bytes(64),
  deviceSignature: base64Bytes(64),
});
export type SignedPreKey = s.Infer<typeof signedPreKey>;

/** A Kyber1024 prekey, one-time or last-resort: 1569 bytes with type byte, signed like the signed prekey. */
export const kemPreKey = s.strictObject({
  id: preKeyId,
  key: base64Bytes(1569),
  signature: base64Bytes(64),
  deviceSignature: base64Bytes(64),
});
export type KemPreKey = s.Infer<typeof kemPreKey>;

const CONTEXT = 'sotto prekey v1\0';

/**
 * What a device signing key signs for a prekey, so that another device of the same user (which shares the identity key)
 * or a relay cannot serve it under another device's name:
 * `"sotto prekey v1" 00 || u8(kind) || u8(device) || u16be(registration) || u32be(id) || ACI (36 ASCII) || key`.
 */
export function preKeyMessage(prekey: {
  kind: 'signed' | 'kem';
  user: Aci;
  device: DeviceId;
  registration: RegistrationId;
  id: number;
  key: Uint8Array;
}): Uint8Array {
  const text = new TextEncoder();
  const context = text.encode(CONTEXT);
  const user = text.encode(prekey.user);
  const message = new Uint8Array(context.length + 8 + user.length + prekey.key.length);
  const view = new DataView(message.buffer);
  message.set(context);
  let at = context.length;
  view.setUint8(at, prekey.kind === 'signed' ? 1 : 2);
  view.setUint8(at + 1, prekey.device);
  view.setUint16(at + 2, prekey.registration);
  view.setUint32(at + 4, prekey.id);
  at += 8;
  message.set(user, at);
  message.set(prekey.key, at + user.length);
  return message;
}
