import type { DeviceId, RegistrationId } from '@sotto/protocol';

import { secretMatches } from '../auth/secret.js';
import { RelayError } from '../errors.js';
import type { DeviceAddress } from '../mailbox/mailbox-id.js';
import type { DeviceRecord, UserState } from '../store/store.js';

export interface DeviceClaim {
  device: DeviceId;
  /** In `hello` only. */
  registration?: RegistrationId;
  /** 32 bytes. */
  secret: Uint8Array;
}

/**
 * Finds the device that a caller says it is. Only the holder of a removed device's secret hears `device-gone`; everybody
 * else hears `device-unknown`, whether the device exists or not.
 */
export function authenticateDevice(state: UserState, claim: DeviceClaim): DeviceRecord {
  const matching = state.devices.filter(
    (device) =>
      device.device === claim.device &&
      (claim.registration === undefined || device.registration === claim.registration) &&
      secretMatches(claim.secret, device.secretHash),
  );
  const living = matching.find((device) => device.removedAt === null);
  if (living) return living;
  throw new RelayError(matching.length > 0 ? 'device-gone' : 'device-unknown');
}

/**
 * What a device hears whose mailbox is gone. A store that was put back may never have heard of it: only one whose removal it knows
 * is told of that, for then it wipes what it holds.
 */
export function whyMissing(
  state: UserState | null,
  { device, registration }: DeviceAddress,
): 'device-gone' | 'device-unknown' {
  const isRemoved = state?.devices.some(
    (one) => one.device === device && one.registration === registration && one.removedAt !== null,
  );
  return isRemoved ? 'device-gone' : 'device-unknown';
}
