import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { aliceAndBobTalking, Person, until } from '../support/person.js';

test('a token of another user signs out instead of mixing two people', async () => {
  const relay = new FakeRelay();
  const alice = new Person('alice', relay);
  relay.token = () => new FakeRelay().token('mallory');
  await alice.wake();
  expect(await until(alice.client.connection, ({ state }) => state !== 'connecting')).toEqual({
    state: 'signed-out',
    code: 'wrong-user',
  });
});

test('a second browser of a registered user needs a device, and reset makes it one', async () => {
  const { relay, alice } = await aliceAndBobTalking();
  await alice.sleep();
  const elsewhere = await new Person('alice', relay).wake();
  const connection = await until(elsewhere.client.connection, ({ state }) => state === 'needs-device');
  if (connection.state !== 'needs-device') throw new Error('unreachable');
  await connection.reset();
  await elsewhere.online();
});
