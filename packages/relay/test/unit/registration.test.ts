import { limits, type DeviceId, type RegistrationId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { aciOf } from '../../src/auth/user.js';
import { decideRegistration } from '../../src/directory/registration.js';
import { mailboxId } from '../../src/mailbox/mailbox-id.js';
import type { DeviceRecord } from '../../src/store/store.js';
import { emptyUser } from '../../src/store/user-state.js';
import { APP, NOW } from '../contract/store-world.js';
import { random, someKey } from '../support/device.js';

const user = aciOf(APP, 'alice');
const device = 1 as DeviceId;

/** Devices that were all number 1, one after the other. */
function removedDevices(count: number): DeviceRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const registration = (index + 1) as RegistrationId;
    const mailbox = mailboxId(APP, { user, device, registration });
    const [secretHash, attemptHash] = [Buffer.alloc(32), Buffer.alloc(32)];
    const times = { createdAt: NOW, seenDay: 0, warnedDay: null, removedAt: NOW };
    return { device, registration, mailbox, secretHash, attemptHash, listed: false, ...times };
  });
}

function register(devices: DeviceRecord[]) {
  const request = { identityKey: someKey(), attempt: random(16) };
  const login = { app: APP, user, expiresAt: NOW + 60_000 };
  return decideRegistration({ ...emptyUser, devices }, { login, request, relayKey: random(32), now: NOW, random })
    .result;
}

test('a device gets the last registration id that its number has left', () => {
  expect(register(removedDevices(limits.MAX_REGISTRATION_ID - 1)).registration).toBe(limits.MAX_REGISTRATION_ID);
});

test('a number that has used up its registration ids is refused, and nobody waits for one', () => {
  expect(() => register(removedDevices(limits.MAX_REGISTRATION_ID))).toThrow(
    expect.objectContaining({ code: 'device-limit' }),
  );
});
