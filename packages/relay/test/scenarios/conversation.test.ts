import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import {
  connect,
  messageTo,
  newUser,
  publishList,
  random,
  register,
  START,
  type TestDevice,
} from '../support/device.js';
import { testRelay } from '../support/relay.js';

describe.each([
  ['in memory', {}],
  ['on PGlite', { memory: true }],
])('a relay %s', (_name, config) => {
  let relay: Relay;

  beforeAll(async () => {
    relay = await testRelay(config);
  });

  afterAll(() => relay.close());

  test('Bob receives what Alice submitted, acknowledges it, and the mailbox is empty', async () => {
    const alice = await newUser(relay.url, 'alice-1');
    const bob = await newUser(relay.url, 'bob-1');
    const [aliceSocket, bobSocket] = await Promise.all([connect(alice), connect(bob)]);
    expect(await bobSocket.welcome()).toMatchObject({ verdict: 'ok', head: 0, first: 1, listVersion: 1 });
    expect(await bobSocket.next('drained')).toEqual({ head: 0 });

    const message = messageTo(bob);
    expect(await aliceSocket.submit(message)).toEqual({ ok: true, outcomes: ['stored'] });
    const [envelope] = await bobSocket.delivered(1);
    expect(envelope).toMatchObject({
      seq: 1,
      user: alice.user,
      device: alice.device,
      registration: alice.registration,
    });
    expect(Buffer.from(envelope?.payload ?? [])).toEqual(Buffer.from(message.payloads[0] ?? []));

    expect(await aliceSocket.submit(message)).toEqual({ ok: true, outcomes: ['duplicate'] });
    expect(await bobSocket.ack({ seq: 1, id: message.id })).toEqual({ ok: true });
    expect(await aliceSocket.submit(message)).toEqual({ ok: true, outcomes: ['duplicate'] });

    bobSocket.close();
    const again = await connect(bob, { cursor: { seq: 1, id: message.id } });
    expect(await again.welcome()).toMatchObject({ verdict: 'ok', head: 1, first: 2, acked: { seq: 1 } });
    expect(await again.next('drained')).toEqual({ head: 1 });
    expect(again.envelopes).toEqual([]);
  });

  test('what waited for Bob comes in order, window by window, then "drained", then what is new', async () => {
    const alice = await newUser(relay.url, 'alice-2');
    const bob = await newUser(relay.url, 'bob-2');
    const aliceSocket = await connect(alice);
    const messages = Array.from({ length: 620 }, () => messageTo(bob, { payload: random(30) }));
    const replies = await Promise.all(messages.map((message) => aliceSocket.submit(message)));
    expect(new Set(replies.map((reply) => reply.ok && reply.outcomes[0]))).toEqual(new Set(['stored']));

    const bobSocket = await connect(bob);
    const window = await bobSocket.delivered(500);
    expect(window).toHaveLength(500);
    expect(bobSocket.all('drained')).toEqual([]);
    const last = window.at(-1);
    if (last) await bobSocket.ack(last);
    const all = await bobSocket.delivered(620);
    await bobSocket.next('drained');
    expect(all.map(({ seq }) => seq)).toEqual(messages.map((_, index) => index + 1));
    expect(all.map(({ id }) => Buffer.from(id).toString('hex'))).toEqual(
      messages.map(({ id }) => Buffer.from(id).toString('hex')),
    );
    await aliceSocket.submit(messageTo(bob));
    expect((await bobSocket.delivered(621)).at(-1)?.seq).toBe(621);
  });

  test('one submit reaches all devices of several users, Alice’s own phone included', async () => {
    const alice = await newUser(relay.url, 'alice-3');
    const phone = await linkedDevice(alice);
    await publishList(alice, [alice, phone]);
    const bob = await newUser(relay.url, 'bob-3');
    const [aliceSocket, phoneSocket, bobSocket] = await Promise.all([connect(alice), connect(phone), connect(bob)]);
    const device = ({ device, registration }: TestDevice, payload: number) => ({ device, registration, payload });
    const reply = await aliceSocket.submit({
      id: random(16),
      sealing: 1,
      payloads: [random(50), random(60)],
      recipients: [
        { user: bob.user, list: 1, complete: true, devices: [device(bob, 0)] },
        { user: alice.user, list: 2, complete: true, devices: [device(phone, 1)] },
      ],
    });
    expect(reply).toEqual({ ok: true, outcomes: ['stored', 'stored'] });
    expect((await bobSocket.delivered(1))[0]?.payload).toHaveLength(50);
    expect((await phoneSocket.delivered(1))[0]?.payload).toHaveLength(60);
  });

  async function linkedDevice(owner: TestDevice): Promise<TestDevice> {
    const { linkToken } = await relay.core.directory.makeLinkToken(await callerOf(owner));
    return register(relay.url, owner.name, { identityKey: owner.identityKey, linkToken });
  }

  async function callerOf(device: TestDevice) {
    return relay.core.directory.authenticate(await relay.core.verifier.verify(device.token), device);
  }

  test('a cursor beyond the head, or with another envelope’s id, means that the relay was rolled back', async () => {
    const [alice, bob] = [await newUser(relay.url, 'alice-4'), await newUser(relay.url, 'bob-4')];
    const aliceSocket = await connect(alice);
    const [first, second] = [messageTo(bob), messageTo(bob)];
    await aliceSocket.submit(first);
    await aliceSocket.submit(second);

    for (const cursor of [
      { seq: 3, id: random(16) },
      { seq: 2, id: random(16) },
      { seq: 2, id: null },
    ]) {
      const socket = await connect(bob, { cursor });
      expect(await socket.welcome()).toMatchObject({ verdict: 'mailbox-reset', acked: START, head: 2, first: 1 });
      expect(await socket.delivered(2)).toHaveLength(2);
      socket.close();
    }

    const socket = await connect(bob, { cursor: { seq: 1, id: first.id } });
    expect(await socket.welcome()).toMatchObject({ verdict: 'ok', acked: { seq: 1 }, first: 2 });
    expect((await socket.delivered(1)).map(({ seq }) => seq)).toEqual([2]);
    expect(await socket.ack({ seq: 2, id: second.id })).toEqual({ ok: true });
    socket.close();

    for (const cursor of [START, { seq: 1, id: first.id }, { seq: 2, id: random(16) }]) {
      const behind = await connect(bob, { cursor });
      const welcome = await behind.welcome();
      expect(welcome).toMatchObject({ verdict: 'vault-behind', acked: { seq: 2 } });
      expect(Buffer.from(welcome.acked.id ?? [])).toEqual(Buffer.from(second.id));
      behind.close();
    }
  });

  test('a vault that says that it has sealed less than it has sent was rolled back, wherever its cursor stands', async () => {
    const [alice, bob] = [await newUser(relay.url, 'alice-5'), await newUser(relay.url, 'bob-5')];
    const bobSocket = await connect(bob);
    const toAlice = messageTo(alice);
    await bobSocket.submit(toAlice);
    const first = await connect(alice, { sealings: 3 });
    expect(await first.welcome()).toMatchObject({ verdict: 'ok', sealings: 0 });
    await Promise.all([3, 5, 4].map((sealing) => first.submit(messageTo(bob, { sealing }))));
    await first.delivered(1);
    first.close();

    const cursor = { seq: 1, id: toAlice.id };
    const behind = await connect(alice, { cursor, sealings: 4 });
    expect(await behind.welcome()).toMatchObject({ verdict: 'vault-behind', sealings: 5, acked: { seq: 1 }, first: 2 });
    behind.close();
    for (const sealings of [5, 6]) {
      const again = await connect(alice, { cursor, sealings });
      expect(await again.welcome()).toMatchObject({ verdict: 'ok', sealings: 5, acked: { seq: 1 } });
      again.close();
    }
    bobSocket.close();
  });
});
