import { afterAll, beforeAll, expect, test } from 'vitest';

import { startRelay, type Relay } from '../../src/index.js';
import { connect, messageTo, newUser, TEST_APP } from '../support/device.js';

let relay: Relay;

beforeAll(async () => {
  relay = await startRelay({
    host: '127.0.0.1',
    port: 0,
    memory: true,
    apps: [{ ...TEST_APP, origins: [] }],
    logLevel: 'silent',
  });
});

afterAll(() => relay.close());

test('Bob receives what Alice submitted, acknowledges it, and the mailbox is empty', async () => {
  const alice = await newUser(relay.url, 'alice');
  const bob = await newUser(relay.url, 'bob');
  const [aliceSocket, bobSocket] = await Promise.all([connect(alice), connect(bob)]);
  expect(await bobSocket.welcome()).toMatchObject({ verdict: 'ok', head: 0, first: 1, listVersion: 1 });
  expect(await bobSocket.next('drained')).toEqual({ head: 0 });

  const message = messageTo(bob);
  expect(await aliceSocket.submit(message)).toEqual({ ok: true, outcomes: ['stored'] });
  const [envelope] = await bobSocket.delivered(1);
  expect(envelope).toMatchObject({ seq: 1, user: alice.user, device: alice.device, registration: alice.registration });
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
