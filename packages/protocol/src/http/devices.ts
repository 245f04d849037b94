import * as s from '../schema.js';

import { base64Bytes } from '../bytes.js';
import { signedDeviceList } from '../device-list.js';
import { aci, deviceId, deviceSecret, registrationId } from '../ids.js';

/**
 * `POST /v1/devices`: registers this browser as a device of the token's user. The only route without a device secret.
 *
 * The first device of a user needs nothing but the token; a further one a `linkToken`; `reset` removes all others first.
 * A new device receives nothing until it is on the user's signed device list (`PUT /v1/device-list`).
 */
export const registerRequest = s.strictObject({
  /** Curve25519 public identity key of the user, 33 bytes; the same on all devices. */
  identityKey: base64Bytes(33),
  /** 32 random bytes kept with the identity: repeating a registration whose answer was lost yields the same device. */
  attempt: base64Bytes(32),
  linkToken: s.optional(base64Bytes(32)),
  reset: s.optional(s.literal(true)),
});
export type RegisterRequest = s.Infer<typeof registerRequest>;

export const registerResponse = s.object({
  user: aci,
  device: deviceId,
  registration: registrationId,
  /** Sent from now on in the `sotto-device` header and in `hello`. The relay keeps only a hash. */
  secret: deviceSecret,
  /** The user's device list so far, or null for the first device (or after a reset). */
  list: s.nullable(signedDeviceList),
  /** The version that the next list must carry; keeps growing across a reset, so that old lists can be told. */
  nextListVersion: s.int().check(s.gte(1)),
});
export type RegisterResponse = s.Infer<typeof registerResponse>;

/**
 * A device that will be removed for inactivity at `expiresAt` (milliseconds since the epoch) unless it connects before.
 * With `expiresAt` in the past it is gone, and the signed list still names it: publish a list without it.
 */
export const expiringDevice = s.object({ device: deviceId, registration: registrationId, expiresAt: s.int() });
export type ExpiringDevice = s.Infer<typeof expiringDevice>;

/** `GET /v1/devices`: the devices of the caller's own user, the caller included. Removal: `PUT /v1/device-list` without it. */
export const devicesResponse = s.object({
  devices: s.array(
    s.object({
      device: deviceId,
      registration: registrationId,
      /** On the signed device list; a device that is being linked is not there yet. */
      listed: s.boolean(),
      /** Milliseconds since the epoch. */
      createdAt: s.int(),
      /** Start of the UTC day on which it last connected, milliseconds since the epoch: the relay notes no more. */
      lastSeenAt: s.int(),
    }),
  ),
});
export type DevicesResponse = s.Infer<typeof devicesResponse>;

/** `PUT /v1/device-list`: replaces the caller's list by its successor. Devices that it no longer names are removed. */
export const putDeviceListRequest = signedDeviceList;

/** `GET /v1/users/:user/device-list`. */
export const deviceListResponse = s.object({
  user: aci,
  identityKey: base64Bytes(33),
  list: signedDeviceList,
});
export type DeviceListResponse = s.Infer<typeof deviceListResponse>;

/** `POST /v1/link-tokens`: a one-time token with which one further device may register. */
export const linkTokenResponse = s.object({
  linkToken: base64Bytes(32),
  /** Milliseconds until it expires. */
  expiresInMs: s.int().check(s.gte(1)),
});
export type LinkTokenResponse = s.Infer<typeof linkTokenResponse>;

export const okResponse = s.object({ ok: s.literal(true) });
