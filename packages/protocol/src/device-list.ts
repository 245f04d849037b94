import * as s from './schema.js';

import { base64Bytes } from './bytes.js';
import { aci, appId, deviceId, registrationId } from './ids.js';
import { MAX_DEVICE_LIST_BYTES, MAX_DEVICES_PER_USER } from './limits.js';

/**
 * What a user's identity key signs: which devices are theirs. Version grows by one with each change; senders keep the
 * highest they have seen and refuse an older one. JSON, UTF-8, signed as the very bytes that were sent.
 */
export const deviceListRecord = s.strictObject({
  v: s.literal(1),
  app: appId,
  user: aci,
  version: s.int().check(s.gte(1)),
  devices: s
    .array(
      s.strictObject({
        device: deviceId,
        registration: registrationId,
        /** Curve25519 public key, 33 bytes: signs the prekeys of this device. */
        signingKey: base64Bytes(33),
      }),
    )
    .check(s.maxLength(MAX_DEVICES_PER_USER)),
});
export type DeviceListRecord = s.Infer<typeof deviceListRecord>;

/** A device list as it travels: the record's bytes and the XEdDSA signature over {@link deviceListMessage}. */
export const signedDeviceList = s.strictObject({
  record: base64Bytes(2, MAX_DEVICE_LIST_BYTES),
  signature: base64Bytes(64),
});
export type SignedDeviceList = s.Infer<typeof signedDeviceList>;

/** Separates these signatures from all others that the identity key makes. */
export const DEVICE_LIST_CONTEXT = 'sotto device list v1\0';

/** The bytes that the identity key signs. */
export function deviceListMessage(record: Uint8Array): Uint8Array {
  const context = new TextEncoder().encode(DEVICE_LIST_CONTEXT);
  const message = new Uint8Array(context.length + record.length);
  message.set(context);
  message.set(record, context.length);
  return message;
}

export function encodeDeviceList(record: DeviceListRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(s.encode(deviceListRecord, record)));
}

/** @returns the record, or `null` if the bytes are not one. */
export function decodeDeviceList(bytes: Uint8Array): DeviceListRecord | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const parsed = s.safeParse(deviceListRecord, json);
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
