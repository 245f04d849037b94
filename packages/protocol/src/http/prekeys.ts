import * as z from 'zod/mini';

import { base64Bytes } from '../bytes.js';
import { signedDeviceList } from '../device-list.js';
import { aci, deviceId, registrationId } from '../ids.js';
import { MAX_DEVICES_PER_USER, ONE_TIME_PREKEY_STOCK } from '../limits.js';
import { kemPreKey, oneTimePreKey, signedPreKey } from '../prekey.js';

/** `PUT /v1/prekeys`: adds to the caller's prekeys. Fields that are absent stay as they are. */
export const putPreKeysRequest = z.strictObject({
  signedPreKey: z.optional(signedPreKey),
  lastResortKemPreKey: z.optional(kemPreKey),
  oneTimePreKeys: z.array(oneTimePreKey).check(z.maxLength(ONE_TIME_PREKEY_STOCK)),
  kemPreKeys: z.array(kemPreKey).check(z.maxLength(ONE_TIME_PREKEY_STOCK)),
  /** Drop all one-time keys stored so far: after `mailbox-reset`, or when the vault was rolled back. */
  replace: z.boolean(),
});
export type PutPreKeysRequest = z.infer<typeof putPreKeysRequest>;

/** How many one-time keys the relay holds for a device: the answer to `PUT /v1/prekeys`. */
export const preKeyCounts = z.object({ oneTime: z.int(), kem: z.int() });
export type PreKeyCounts = z.infer<typeof preKeyCounts>;

/** `POST /v1/users/:user/bundles`: prekey bundles of the named devices. Uses up one-time keys. */
export const bundlesRequest = z.strictObject({
  devices: z.array(deviceId).check(z.minLength(1), z.maxLength(MAX_DEVICES_PER_USER)),
});
export type BundlesRequest = z.infer<typeof bundlesRequest>;

export const preKeyBundle = z.object({
  device: deviceId,
  registration: registrationId,
  signedPreKey,
  /** One-time while the stock lasts, the last-resort key after that. */
  kemPreKey,
  /** Null when the stock is empty. */
  oneTimePreKey: z.nullable(oneTimePreKey),
});
export type PreKeyBundle = z.infer<typeof preKeyBundle>;

export const bundlesResponse = z.object({
  user: aci,
  identityKey: base64Bytes(33),
  list: signedDeviceList,
  /** Those of the asked devices that are listed and have published prekeys. */
  bundles: z.array(preKeyBundle),
});
export type BundlesResponse = z.infer<typeof bundlesResponse>;
