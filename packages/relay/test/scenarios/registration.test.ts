import {
  limits,
  linkTokenResponse,
  registerResponse,
  ROUTES,
  toBase64Url,
  type DevicesResponse,
} from '@sotto/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as s from '@sotto/protocol/schema';

import type { Relay } from '../../src/index.js';
import {
  auth,
  codeOf,
  connect,
  http,
  listBody,
  messageTo,
  newUser,
  publishList,
  random,
  register,
  someKey,
  tokenFor,
  tryRegister,
  type TestDevice,
} from '../support/device.js';
import { testRelay } from '../support/relay.js';

let relay: Relay;

beforeAll(async () => {
  relay = await testRelay();
});

afterAll(() => relay.close());

async function linkTokenOf(device: TestDevice): Promise<Uint8Array> {
  const answer = await http(relay.url, ROUTES.linkToken, auth(device));
  return s.parse(linkTokenResponse, answer.body).linkToken;
}

async function link(owner: TestDevice): Promise<TestDevice> {
  const linkToken = await linkTokenOf(owner);
  return register(relay.url, owner.name, { identityKey: owner.identityKey, linkToken });
}

test('Alice’s first browser needs nothing but a token', async () => {
  const alice = await register(relay.url, 'first');
  expect(alice).toMatchObject({ device: 1, list: null, nextListVersion: 1 });
  expect(alice.registration).toBeGreaterThan(0);
  expect(alice.registration).toBeLessThanOrEqual(limits.MAX_REGISTRATION_ID);
});

test('a registration whose answer was lost is repeated and yields the same device and secret', async () => {
  const [identityKey, attempt] = [someKey(), random(32)];
  const [one, two, three] = await Promise.all(
    [1, 2, 3].map(() => register(relay.url, 'twice', { identityKey, attempt })),
  );
  for (const other of [two, three]) {
    expect(other?.registration).toBe(one?.registration);
    expect(Buffer.from(other?.secret ?? [])).toEqual(Buffer.from(one?.secret ?? []));
  }
  const stranger = await tryRegister(relay.url, 'twice', { identityKey: someKey(), attempt });
  expect(codeOf(stranger)).toBe('identity-mismatch');
});

test('a second browser needs a link token, which works once, and the same identity', async () => {
  const alice = await newUser(relay.url, 'linker');
  expect(codeOf(await tryRegister(relay.url, 'linker'))).toBe('needs-device');
  expect(codeOf(await tryRegister(relay.url, 'linker', { linkToken: random(32) }))).toBe('link-token-invalid');
  const linkToken = await linkTokenOf(alice);
  expect(codeOf(await tryRegister(relay.url, 'linker', { linkToken }))).toBe('identity-mismatch');
  const { identityKey } = alice;
  const phone = await register(relay.url, 'linker', { identityKey, linkToken });
  expect(phone).toMatchObject({ device: 2, nextListVersion: 2 });
  expect(phone.list).not.toBeNull();
  expect(codeOf(await tryRegister(relay.url, 'linker', { identityKey, linkToken }))).toBe('link-token-invalid');
});

test('another user’s link token is worth nothing', async () => {
  const linkToken = await linkTokenOf(await newUser(relay.url, 'giver'));
  const taker = await newUser(relay.url, 'taker');
  const answer = await tryRegister(relay.url, 'taker', { identityKey: taker.identityKey, linkToken });
  expect(codeOf(answer)).toBe('link-token-invalid');
});

test('ten devices are the limit; a freed id comes back with another registration id', async () => {
  const alice = await newUser(relay.url, 'many');
  const devices = [alice];
  while (devices.length < limits.MAX_DEVICES_PER_USER) devices.push(await link(alice));
  expect(devices.map(({ device }) => device)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const linkToken = await linkTokenOf(alice);
  const eleventh = await tryRegister(relay.url, 'many', { identityKey: alice.identityKey, linkToken });
  expect(codeOf(eleventh)).toBe('device-limit');

  const [third] = devices.slice(2, 3);
  if (!third) throw new Error('there is a third');
  expect((await http(relay.url, ROUTES.removeSelf, auth(third))).status).toBe(200);
  const again = await register(relay.url, 'many', { identityKey: alice.identityKey, linkToken });
  expect(again.device).toBe(3);
  expect(again.registration).not.toBe(third.registration);
});

test('an ordinary token cannot reset; a reset token can, once, and the old devices are told', async () => {
  const alice = await newUser(relay.url, 'resetter');
  const bob = await newUser(relay.url, 'resetter-bob');
  expect(codeOf(await tryRegister(relay.url, 'resetter', { reset: true }))).toBe('reset-refused');
  const socket = await connect(alice);
  await socket.next('drained');

  const token = await tokenFor('resetter', { reset: true });
  const fresh = await register(relay.url, 'resetter', { reset: true, token });
  expect(fresh).toMatchObject({ device: 1, list: null, nextListVersion: 2 });
  expect(fresh.registration).not.toBe(alice.registration);
  expect(await socket.next('bye')).toMatchObject({ code: 'device-gone' });
  await expect(connect(alice)).rejects.toThrow('device-gone');

  expect(codeOf(await tryRegister(relay.url, 'resetter', { reset: true, token }))).toBe('reset-refused');
  const toOld = await (await connect(bob)).submit(messageTo(alice));
  expect(toOld).toMatchObject({
    ok: false,
    error: { code: 'stale-device-list', stale: [{ user: alice.user, version: 0 }] },
  });
  expect(
    codeOf(await http(relay.url, ROUTES.putDeviceList, { ...auth(fresh), body: listBody(fresh, 1, [fresh]) })),
  ).toBe('device-list-conflict');
  await publishList(fresh, [fresh]);
});

test('a reset whose answer was lost is repeated', async () => {
  await newUser(relay.url, 'reset-twice');
  const options = {
    reset: true as const,
    token: await tokenFor('reset-twice', { reset: true }),
    attempt: random(32),
    identityKey: someKey(),
  };
  const [one, two] = [
    await tryRegister(relay.url, 'reset-twice', options),
    await tryRegister(relay.url, 'reset-twice', options),
  ];
  expect(two).toEqual(one);
});

test('what a user publishes is checked for structure, version and devices, not for the signature', async () => {
  const alice = await newUser(relay.url, 'lists');
  const put = async (body: unknown) => http(relay.url, ROUTES.putDeviceList, { ...auth(alice), body });
  const bob = await newUser(relay.url, 'lists-bob');
  expect(codeOf(await put(listBody(alice, 3, [alice])))).toBe('device-list-conflict');
  expect(codeOf(await put(listBody(alice, 2, [{ ...alice, device: 2 as never }])))).toBe('device-list-conflict');
  expect(codeOf(await put(listBody(bob, 2, [alice])))).toBe('bad-request');
  expect(codeOf(await put(listBody({ ...alice, app: 'other' as never }, 2, [alice])))).toBe('bad-request');
  expect(codeOf(await put(listBody(alice, 2, [alice, alice])))).toBe('bad-request');
  expect(codeOf(await put({ record: toBase64Url(Buffer.from('{}')), signature: toBase64Url(random(64)) }))).toBe(
    'bad-request',
  );
  const body = listBody(alice, 2, [alice]);
  expect(await put(body)).toMatchObject({ status: 200, body: { ok: true } });
  expect(await put(body)).toMatchObject({ status: 200 });
  const stored = await http(relay.url, { method: 'GET', path: `/v1/users/${alice.user}/device-list` }, auth(bob));
  expect(stored.body).toMatchObject({ user: alice.user, list: body, identityKey: toBase64Url(alice.identityKey) });
});

test('a device that the list drops is removed, told, and refused; those that stay hear of the list', async () => {
  const alice = await newUser(relay.url, 'dropper');
  const [phone, tablet] = [await link(alice), await link(alice)];
  await publishList(alice, [alice, phone, tablet]);
  const [phoneSocket, tabletSocket] = await Promise.all([connect(phone), connect(tablet)]);
  await Promise.all([phoneSocket.next('drained'), tabletSocket.next('drained')]);
  const pending = await link(alice);
  await publishList(alice, [alice, tablet]);
  expect(await phoneSocket.next('bye')).toMatchObject({ code: 'device-gone' });
  expect(await tabletSocket.next('device-list-changed')).toEqual({ version: 3 });
  expect(codeOf(await http(relay.url, ROUTES.linkToken, auth(phone)))).toBe('device-gone');
  expect(codeOf(await http(relay.url, ROUTES.linkToken, auth({ ...phone, secret: random(32) })))).toBe(
    'device-unknown',
  );
  expect((await http(relay.url, ROUTES.linkToken, auth(pending))).status).toBe(200);
});

test('a user without a list is unknown; one whose last device left is, too', async () => {
  const alice = await newUser(relay.url, 'asker');
  const bob = await register(relay.url, 'unlisted');
  const path = `/v1/users/${bob.user}/device-list`;
  const listOf = () => http(relay.url, { method: 'GET', path }, auth(alice));
  expect(codeOf(await listOf())).toBe('user-unknown');
  await publishList(bob, [bob]);
  expect((await listOf()).status).toBe(200);
  expect((await http(relay.url, ROUTES.removeSelf, auth(bob))).status).toBe(200);
  expect(codeOf(await listOf())).toBe('user-unknown');
  const again = s.parse(registerResponse, (await tryRegister(relay.url, 'unlisted')).body);
  expect(again.nextListVersion).toBe(2);
});

test('a user sees their own devices, and nobody else’s', async () => {
  const [dora, other] = [await newUser(relay.url, 'dora'), await newUser(relay.url, 'somebody-else')];
  const answer = await http(relay.url, ROUTES.getDevices, auth(dora));
  const { devices } = answer.body as DevicesResponse;
  expect(devices).toMatchObject([{ device: dora.device, registration: dora.registration, listed: true }]);
  expect((devices[0]?.lastSeenAt ?? 1) % 86_400_000).toBe(0);
  expect(codeOf(await http(relay.url, ROUTES.getDevices, auth({ ...dora, secret: other.secret })))).toBe(
    'device-unknown',
  );
});
