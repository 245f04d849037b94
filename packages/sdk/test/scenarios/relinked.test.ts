import { expect, test } from 'vitest';

import type { Message } from '../../src/index.js';
import { aciOfName } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { link } from '../support/link.js';
import { LyingRelay } from '../support/lying-relay.js';
import { aliceAndBobTalkingOn, Person, until } from '../support/person.js';

test('a receipt for a device that has taken the place of another is told, though its list comes only with its keys', async () => {
  const { relay, alice, bob: phone } = await aliceAndBobTalkingOn(new LyingRelay());
  const laptop = await new Person('bob', relay).wake();
  await link(phone, laptop);
  const [old] = await until(laptop.client.devices, (list) => list.some(({ current }) => !current));
  await laptop.client.removeDevice(old?.current === false ? old.id : '');
  await until(laptop.client.devices, ({ length }) => length === 1);
  // It gets the number of the first: Alice knows that number, with another registration, and nothing of the laptop.
  const tablet = await new Person('bob', relay).wake();
  await link(laptop, tablet);
  const asked = gate();
  relay.answer = async (path, honest, to) => {
    if (to !== aciOfName('alice')) return honest;
    if (path.endsWith('/bundles')) asked.open();
    // The list that the message speaks of takes its time.
    if (path.endsWith('/device-list')) await asked.opened;
    return honest;
  };
  await tablet.say(alice, 'from the tablet');
  const isDelivered = (list: readonly Message[]): boolean =>
    list.some((one) => one.mine && one.kind === 'text' && one.status === 'delivered');
  expect(await tablet.sees(alice, isDelivered)).toHaveLength(1);
});

test('a linked device writes first to a contact it knows from the link: the bundles are fetched once', async () => {
  const { relay, alice: phone, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  let asked = 0;
  relay.onRequest = (path) => {
    if (path.endsWith(`/${aciOfName('bob')}/bundles`)) asked++;
  };
  await laptop.say(bob, 'from the laptop');
  await bob.texts(laptop, 3);
  expect(asked).toBe(1);
});
