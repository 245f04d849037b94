import { limits, type ErrorBody } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import {
  connect,
  helloOf,
  messageTo,
  newUser,
  open,
  random,
  register,
  TEST_APP,
  tokenFor,
  type TestDevice,
} from '../support/device.js';
import { testRelay } from '../support/relay.js';

let relay: Relay;
let alice: TestDevice;
let bob: TestDevice;

beforeAll(async () => {
  relay = await testRelay({
    apps: [
      { ...TEST_APP, origins: ['https://acme.example'] },
      { id: 'other' as never, algorithm: 'HS256', secret: 'another secret of at least 32 bytes', origins: [] },
    ],
  });
  alice = await newUser(relay.url, 'alice');
  bob = await newUser(relay.url, 'bob');
});

afterAll(() => relay.close());

function refusal(hello: unknown, headers?: Record<string, string>): Promise<ErrorBody | undefined> {
  return new Promise((resolve, reject) => {
    const socket = open(relay.url, hello, headers);
    socket.once('connect_error', (error: Error & { data?: ErrorBody }) => {
      resolve(error.data);
    });
    socket.once('connect', () => {
      socket.disconnect();
      reject(new Error('the relay accepted it'));
    });
  });
}

describe('a hello is refused', () => {
  const cases: [string, string, () => Promise<unknown>][] = [
    ['without anything', 'bad-request', () => Promise.resolve({})],
    ['with an unknown field', 'bad-request', () => Promise.resolve({ ...helloOf(alice), extra: 1 })],
    ['from a later protocol', 'upgrade-required', () => Promise.resolve({ protocol: 99, later: true })],
    ['without a token', 'token-missing', () => Promise.resolve({ ...helloOf(alice), token: '' })],
    ['with nonsense for a token', 'token-invalid', () => Promise.resolve({ ...helloOf(alice), token: 'a.b.c' })],
    [
      'with an expired token',
      'token-expired',
      async () => ({ ...helloOf(alice), token: await tokenFor('alice', { expiresIn: -60 }) }),
    ],
    [
      'with a token that another key signed',
      'token-invalid',
      async () => ({
        ...helloOf(alice),
        token: await tokenFor('alice', { key: 'not the secret that the relay knows' }),
      }),
    ],
    [
      'with another app’s token',
      'device-unknown',
      async () => ({
        ...helloOf(alice),
        token: await tokenFor('alice', { app: 'other', key: 'another secret of at least 32 bytes' }),
      }),
    ],
    [
      'with a token of an unknown app',
      'app-unknown',
      async () => ({ ...helloOf(alice), token: await tokenFor('alice', { app: 'nobody' }) }),
    ],
    ['with another user’s token', 'device-unknown', async () => ({ ...helloOf(alice), token: await tokenFor('bob') })],
    ['with a wrong device secret', 'device-unknown', () => Promise.resolve(helloOf({ ...alice, secret: random(32) }))],
    ['of an unknown device', 'device-unknown', () => Promise.resolve(helloOf({ ...alice, device: 9 as never }))],
    [
      'of another registration',
      'device-unknown',
      () => Promise.resolve(helloOf({ ...alice, registration: ((alice.registration % 16_383) + 1) as never })),
    ],
  ];
  test.each(cases)('%s: %s', async (_name, code, hello) => {
    expect(await refusal(await hello())).toMatchObject({ code });
  });

  test('from a website that the app does not allow', async () => {
    expect(await refusal(helloOf(alice), { origin: 'https://evil.example' })).toMatchObject({ code: 'origin-refused' });
    (await connect(alice, { headers: { origin: 'https://acme.example' } })).close();
  });
});

test('the socket with the higher epoch stays; an equal one replaces it; a lower one is refused', async () => {
  const first = await connect(bob, { epoch: 5 });
  await first.next('drained');
  await expect(connect(bob, { epoch: 4 })).rejects.toThrow('superseded');
  const second = await connect(bob, { epoch: 5 });
  expect(await first.next('bye')).toMatchObject({ code: 'superseded' });
  const third = await connect(bob, { epoch: 6 });
  expect(await second.next('bye')).toMatchObject({ code: 'superseded' });
  await third.next('drained');
  third.close();
});

describe('on an open socket', () => {
  const device = () => ({ device: bob.device, registration: bob.registration, payload: 0 });
  const to = (changes: Record<string, unknown> = {}, recipient: Record<string, unknown> = {}) => {
    const message = messageTo(bob);
    const [first] = message.recipients;
    return {
      id: Buffer.from(message.id),
      sealing: message.sealing,
      payloads: message.payloads.map((each) => Buffer.from(each)),
      recipients: [{ ...first, ...recipient }],
      ...changes,
    };
  };
  const cases: [string, string, () => unknown][] = [
    ['no message', 'bad-request', () => undefined],
    ['a string', 'bad-request', () => 'hello'],
    ['a short envelope id', 'bad-request', () => to({ id: Buffer.alloc(15) })],
    ['text for a payload', 'bad-request', () => to({ payloads: ['text'] })],
    ['an empty payload', 'bad-request', () => to({ payloads: [Buffer.alloc(0)] })],
    ['too large a payload', 'bad-request', () => to({ payloads: [Buffer.alloc(limits.MAX_PAYLOAD_BYTES + 1)] })],
    [
      'a payload for nobody',
      'bad-request',
      () => to({ payloads: [random(5), random(5)].map((each) => Buffer.from(each)) }),
    ],
    ['no payloads', 'bad-request', () => to({ payloads: [] })],
    ['no recipients', 'bad-request', () => to({ recipients: [] })],
    ['a payload that is not there', 'bad-request', () => to({}, { devices: [{ ...device(), payload: 3 }] })],
    ['a device twice', 'bad-request', () => to({}, { devices: [device(), device()] })],
    ['a recipient twice', 'bad-request', () => to({ recipients: [...to().recipients, ...to().recipients] })],
    ['an unknown field', 'bad-request', () => to({ extra: true })],
    [
      'itself as recipient',
      'bad-request',
      () =>
        to({}, { user: alice.user, devices: [{ device: alice.device, registration: alice.registration, payload: 0 }] }),
    ],
    ['a device id out of range', 'bad-request', () => to({}, { devices: [{ ...device(), device: 128 }] })],
    [
      'payloads that are too large together',
      'too-large',
      () =>
        to({
          payloads: Array.from({ length: 11 }, () => Buffer.alloc(limits.MAX_PAYLOAD_BYTES)),
          recipients: [
            {
              user: bob.user,
              list: 1,
              complete: false,
              devices: Array.from({ length: 10 }, (_, index) => ({
                device: index + 1,
                registration: 1,
                payload: index,
              })),
            },
            { user: alice.user, list: 1, complete: false, devices: [{ device: 2, registration: 1, payload: 10 }] },
          ],
        }),
    ],
  ];
  test.each(cases)('a submit with %s: %s', async (_name, code, message) => {
    const socket = await connect(alice, { epoch: 10 });
    expect(await socket.send('submit', message())).toMatchObject({ ok: false, error: { code } });
    expect(await socket.submit(messageTo(bob))).toEqual({ ok: true, outcomes: ['stored'] });
    socket.close();
  });

  test('unknown events, and none at all, are answered with bad-request', async () => {
    const socket = await connect(alice, { epoch: 10 });
    for (const event of ['steal', 'connection', '__proto__', 'constructor', '']) {
      expect(await socket.socket.timeout(5_000).emitWithAck(event, {})).toMatchObject({
        ok: false,
        error: { code: 'bad-request' },
      });
    }
    socket.socket.emit('steal', {});
    expect(await socket.submit(messageTo(bob))).toMatchObject({ ok: true });
    socket.close();
  });

  test('a stale list refuses the whole submit and says what is missing and what is gone', async () => {
    const carol = await newUser(relay.url, 'carol');
    const socket = await connect(alice, { epoch: 10 });
    const message = messageTo(carol);
    const [recipient] = message.recipients;
    const other = { device: 2 as never, registration: 7 as never, payload: 0 };
    const [own] = recipient?.devices ?? [];
    const send = (changes: Record<string, unknown>) =>
      socket.submit({
        ...messageTo(bob),
        recipients: [...messageTo(bob).recipients, { ...recipient, ...changes } as never],
      });
    const ref = { device: own?.device, registration: own?.registration };
    expect(await send({ list: 2 })).toMatchObject({
      error: { code: 'stale-device-list', stale: [{ user: carol.user, version: 1, missing: [], gone: [] }] },
    });
    expect(await send({ devices: [own, other] })).toMatchObject({
      error: { stale: [{ missing: [], gone: [{ device: 2, registration: 7 }] }] },
    });
    expect(await send({ devices: [other] })).toMatchObject({
      error: { stale: [{ missing: [ref], gone: [{ device: 2 }] }] },
    });
    expect(await send({ complete: false, list: 99, devices: [own, other] })).toEqual({
      ok: true,
      outcomes: ['stored', 'stored', 'device-gone'],
    });
    socket.close();
    const carolSocket = await connect(carol);
    await carolSocket.next('drained');
    expect(carolSocket.envelopes).toHaveLength(1);
  });

  test('an ack above the head, or of another envelope, is refused and deletes nothing', async () => {
    const carol = await newUser(relay.url, 'ack-carol');
    const [socket, carolSocket] = await Promise.all([connect(alice, { epoch: 10 }), connect(carol)]);
    const message = messageTo(carol);
    await socket.submit(message);
    const refused = { ok: false, error: { code: 'ack-refused' } };
    expect(await carolSocket.ack({ seq: 2, id: message.id })).toMatchObject(refused);
    expect(await carolSocket.ack({ seq: 1, id: random(16) })).toMatchObject(refused);
    expect(await carolSocket.send('ack', { seq: 0, id: Buffer.from(message.id) })).toMatchObject({
      error: { code: 'bad-request' },
    });
    carolSocket.close();
    const again = await connect(carol);
    expect(await again.delivered(1)).toHaveLength(1);
    expect(await again.ack({ seq: 1, id: message.id })).toEqual({ ok: true });
    socket.close();
  });

  test('a fresh token is taken, another user’s or a bad one is not', async () => {
    const socket = await connect(alice, { epoch: 10 });
    expect(await socket.send('token', { token: await tokenFor('alice') })).toEqual({ ok: true });
    expect(await socket.send('token', { token: await tokenFor('bob') })).toMatchObject({
      error: { code: 'wrong-user' },
    });
    expect(await socket.send('token', { token: 'x' })).toMatchObject({ error: { code: 'token-invalid' } });
    expect(await socket.submit(messageTo(bob))).toMatchObject({ ok: true });
    socket.close();
  });

  test('too large a frame closes the socket and nothing else', async () => {
    const [socket, other] = await Promise.all([connect(alice, { epoch: 10 }), connect(bob, { epoch: 10 })]);
    socket.socket.emit('submit', { id: Buffer.alloc(limits.MAX_FRAME_BYTES + 1) });
    await socket.until(() => socket.socket.disconnected, 'the disconnect');
    expect(other.socket.connected).toBe(true);
    other.close();
  });
});

test('an unlisted device may connect, but receives nothing', async () => {
  const dora = await register(relay.url, 'dora');
  const socket = await connect(dora);
  expect(await socket.welcome()).toMatchObject({ listVersion: 0, head: 0 });
  const aliceSocket = await connect(alice, { epoch: 11 });
  expect(await aliceSocket.submit(messageTo(dora, { complete: false }))).toMatchObject({
    ok: false,
    error: { code: 'bad-request' },
  });
  dora.listVersion = 1;
  expect(await aliceSocket.submit(messageTo(dora, { complete: false }))).toEqual({
    ok: true,
    outcomes: ['device-gone'],
  });
  aliceSocket.close();
  socket.close();
});
