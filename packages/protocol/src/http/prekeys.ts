import * as s from '../schema.js';

import { base64Bytes } from '../bytes.js';
import { signedDeviceList } from '../device-list.js';
import { aci, deviceId, registrationId } from '../ids.js';
import { MAX_DEVICES_PER_USER, ONE_TIME_PREKEY_STOCK } from '../limits.js';
import { kemPreKey, oneTimePreKey, signedPreKey } from '../prekey.js';

/** `PUT /v1/prekeys`: adds to the caller's prekeys. Fields that are absent stay as they are. */
export const putPreKeysRequest = s.strictObject({
  signedPreKey: s.optional(signedPreKey),
  lastResortKemPreKey: s.optional(kemPreKey),
  oneTimePreKeys: s.array(oneTimePreKey).check(s.maxLength(ONE_TIME_PREKEY_STOCK)),
  kemPreKeys: s.array(kemPreKey).check(s.maxLength(ONE_TIME_PREKEY_STOCK)),
  /** Drop all one-time keys stored so far: after `mailbox-reset`, or when the vault was rolled back. */
  replace: s.boolean(),
});
export type PutPreKeysRequest = s.Infer<typeof putPreKeysRequest>;

/** How many one-time keys the relay holds for a device: the answer to `PUT /v1/prekeys`. */
export const preKeyCounts = s.object({ oneTime: s.int(), kem: s.int() });
export type PreKeyCounts = s.Infer<typeof preKeyCounts>;

/** `POST /v1/users/:user/bundles`: prekey bundles of the named devices. Uses up one-time keys. */
export const bundlesRequest = s.strictObject({
  devices: s.array(deviceId).check(s.minLength(1), s.maxLength(MAX_DEVICES_PER_USER)),
});
export type BundlesRequest = s.Infer<typeof bundlesRequest>;

export const preKeyBundle = s.object({
  device: deviceId,
  registration: registrationId,
  signedPreKey,
  /** One-time while the stock lasts, the last-resort key after that. */
  kemPreKey,
  /** Null when the stock is empty. */
  oneTimePreKey: s.nullable(oneTimePreKey),
});
export type PreKeyBundle = s.Infer<typeof preKeyBundle>;

export const bundlesResponse = s.object({
  user: aci,
  identityKey: base64Bytes(33),
  list: signedDeviceList,
  /** Those of the asked devices that are listed and have published prekeys. */
  bundles: s.array(preKeyBundle),
});
export type BundlesResponse = s.Infer<typeof bundlesResponse>;
