import { expect, test } from 'vitest';
import * as s from '../src/schema.js';

import { decodeDeviceList, deviceListMessage, encodeDeviceList } from '../src/device-list.js';
import { deviceId, registrationId } from '../src/ids.js';
import { preKeyMessage } from '../src/prekey.js';
import { alice, aciOf, sampleList, samplePreKey } from './support/samples.js';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const encoded = () => JSON.parse(new TextDecoder().decode(encodeDeviceList(sampleList))) as Record<string, unknown>;

test('what a device signs for a prekey is laid out as documented', () => {
  const message = preKeyMessage(samplePreKey);
  const context = 'sotto prekey v1\0';
  expect(text(message.subarray(0, 16))).toBe(context);
  expect([...message.subarray(16, 24)]).toEqual([1, 1, 0x12, 0x67, 0, 1, 2, 3]);
  expect(text(message.subarray(24, 60))).toBe(alice);
  expect(message.subarray(60)).toEqual(samplePreKey.key);
});

test('a prekey of one device, kind or user never passes for another', () => {
  const other = [
    { ...samplePreKey, kind: 'kem' as const },
    { ...samplePreKey, user: aciOf('acme', 'bob') },
    { ...samplePreKey, device: s.parse(deviceId, 2) },
    { ...samplePreKey, registration: s.parse(registrationId, 4712) },
    { ...samplePreKey, id: samplePreKey.id + 1 },
    { ...samplePreKey, key: new Uint8Array(33).fill(8) },
  ];
  const messages = [samplePreKey, ...other].map((prekey) => text(preKeyMessage(prekey)));
  expect(new Set(messages).size).toBe(messages.length);
});

test('a signed device list cannot be mistaken for a signed prekey', () => {
  expect(text(deviceListMessage(encodeDeviceList(sampleList))).startsWith('sotto device list v1\0')).toBe(true);
  expect(text(preKeyMessage(samplePreKey)).startsWith('sotto device list v1\0')).toBe(false);
});

test('a device list survives the wire', () => {
  expect(decodeDeviceList(encodeDeviceList(sampleList))).toEqual(sampleList);
});

test('an empty list is a list: a user may remove the last device', () => {
  const record = { ...sampleList, devices: [] };
  expect(decodeDeviceList(encodeDeviceList(record))).toEqual(record);
});

test.each([
  ['an unknown field', () => bytes({ ...encoded(), extra: 1 })],
  ['an unknown format version', () => bytes({ ...encoded(), v: 2 })],
  ['list version 0', () => bytes({ ...encoded(), version: 0 })],
  ['a short signing key', () => bytes({ ...encoded(), devices: [{ device: 1, registration: 1, signingKey: 'AAAA' }] })],
  [
    'eleven devices',
    () => bytes({ ...encoded(), devices: Array.from({ length: 11 }, () => (encoded()['devices'] as unknown[])[0]) }),
  ],
  ['broken JSON', () => encodeDeviceList(sampleList).subarray(1)],
  ['broken UTF-8', () => Uint8Array.of(0x22, 0xff, 0x22)],
  ['no object', () => bytes(null)],
])('a device list with %s is refused', (_name, make) => {
  expect(decodeDeviceList(make())).toBeNull();
});
