import { createHash } from 'node:crypto';

import * as s from '../../src/schema.js';

import { deviceListMessage, encodeDeviceList, type DeviceListRecord } from '../../src/device-list.js';
import { aciFromDigest, aciInput, appId, deviceId, registrationId } from '../../src/ids.js';
import { preKeyMessage } from '../../src/prekey.js';

export function aciOf(app: string, user: string) {
  return aciFromDigest(createHash('sha256').update(aciInput(app, user)).digest());
}

export const alice = aciOf('acme', 'alice');
export const device = s.parse(deviceId, 1);
export const registration = s.parse(registrationId, 4711);

export const sampleList: DeviceListRecord = {
  v: 1,
  app: s.parse(appId, 'acme'),
  user: alice,
  version: 3,
  devices: [{ device, registration, signingKey: new Uint8Array(33).fill(5) }],
};

export const samplePreKey = {
  kind: 'signed',
  user: alice,
  device,
  registration,
  id: 0x010203,
  key: new Uint8Array(33).fill(7),
} as const;

/** What identity keys and device signing keys sign, in hex. */
export function sampleSignedMessages(): string[] {
  return [
    preKeyMessage(samplePreKey),
    preKeyMessage({ ...samplePreKey, kind: 'kem' }),
    deviceListMessage(encodeDeviceList(sampleList)),
  ].map((bytes) => Buffer.from(bytes).toString('hex'));
}
