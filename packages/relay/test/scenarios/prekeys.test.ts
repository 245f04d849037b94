import { bundlesResponse, limits, ROUTES, type BundlesResponse } from '@sotto/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as s from '@sotto/protocol/schema';

import type { Relay } from '../../src/index.js';
import { auth, codeOf, connect, http, newUser, preKeysBody, register, type TestDevice } from '../support/device.js';
import { testRelay } from '../support/relay.js';

let relay: Relay;

beforeAll(async () => {
  relay = await testRelay();
});

afterAll(() => relay.close());

const put = (device: TestDevice, body: unknown) => http(relay.url, ROUTES.putPreKeys, { ...auth(device), body });

async function fetchBundles(asker: TestDevice, target: TestDevice, devices = [1]): Promise<BundlesResponse> {
  const path = ROUTES.bundles.path.replace(':user', target.user);
  const answer = await http(relay.url, { method: 'POST', path }, { ...auth(asker), body: { devices } });
  expect(answer.status).toBe(200);
  return s.parse(bundlesResponse, answer.body);
}

test('Bob fetches a bundle of Alice: one key of each kind, none of them twice', async () => {
  const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
  expect((await fetchBundles(bob, alice)).bundles).toEqual([]);
  const body = preKeysBody(2, 2);
  expect((await put(alice, body)).status).toBe(200);
  const bundles = [
    await fetchBundles(bob, alice, [1, 2, 7]),
    await fetchBundles(bob, alice),
    await fetchBundles(bob, alice),
  ];
  const [first, second, third] = bundles.map(({ bundles: [bundle] }) => bundle);
  expect(first).toMatchObject({
    device: 1,
    registration: alice.registration,
    oneTimePreKey: { id: 1 },
    kemPreKey: { id: 1001 },
  });
  expect(second).toMatchObject({ oneTimePreKey: { id: 2 }, kemPreKey: { id: 1002 } });
  expect(third).toMatchObject({ oneTimePreKey: null, kemPreKey: { id: 1 }, signedPreKey: { id: 1 } });
});

test('Alice is told when her stock runs low, and in every welcome', async () => {
  const [alice, bob] = [await newUser(relay.url, 'low-alice'), await newUser(relay.url, 'low-bob')];
  await put(alice, preKeysBody(limits.ONE_TIME_PREKEY_LOW, limits.ONE_TIME_PREKEY_LOW));
  const socket = await connect(alice);
  expect((await socket.welcome()).preKeys).toEqual({ oneTime: 25, kem: 25 });
  await socket.next('drained');
  await fetchBundles(bob, alice);
  expect(await socket.next('prekeys-low')).toEqual({ oneTime: 24, kem: 24 });
});

test('a stock has a bound, a repeated upload is harmless, and a user without a list has no bundles', async () => {
  const alice = await register(relay.url, 'stock');
  const body = preKeysBody(100, 0);
  expect((await put(alice, body)).status).toBe(200);
  expect((await put(alice, preKeysBody(100, 0, { firstId: 101 }))).status).toBe(200);
  expect(codeOf(await put(alice, preKeysBody(1, 0, { firstId: 301 })))).toBe('bad-request');
  expect((await put(alice, preKeysBody(100, 100, { firstId: 401, replace: true }))).status).toBe(200);
  const bob = await newUser(relay.url, 'stock-bob');
  const path = ROUTES.bundles.path.replace(':user', alice.user);
  const answer = await http(relay.url, { method: 'POST', path }, { ...auth(bob), body: { devices: [1] } });
  expect(codeOf(answer)).toBe('user-unknown');
});
