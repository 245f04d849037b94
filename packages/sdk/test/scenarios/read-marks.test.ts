import { expect, test } from 'vitest';

import { makeBundle } from '../support/bundle.js';
import { aciOfName } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { link, useBundle } from '../support/link.js';
import { aliceAndBob, Person, until } from '../support/person.js';
import { isText } from '../support/shown.js';
import { passUntil, TestClock } from '../support/test-clock.js';
import { aliceWithTwo, linkedMeanwhile } from '../support/two-devices.js';

/** The number of the device that is linked second. */
const LAPTOP = 2;

test('what was read on one device is read on the other, and both see what became of a message', async () => {
  const { phone, laptop, bob } = await aliceWithTwo();
  await bob.say(phone, 'unread');
  await Promise.all([phone.texts(bob, 1), laptop.texts(bob, 1)]);
  await laptop.client.direct('bob').markRead();
  await phone.sees(bob, ([first]) => first?.unread === false);
  await phone.say(bob, 'question');
  await bob.texts(phone, 2);
  await bob.client.direct('alice').markRead();
  for (const device of [phone, laptop])
    await device.sees(bob, (list) => list.some((one) => one.mine && one.kind === 'text' && one.status === 'read'));
});

test('what is read on a device that joined later leaves unread what that device has never had', async () => {
  const { phone, laptop, bob } = await linkedMeanwhile();
  await Promise.all([phone.texts(bob, 2), laptop.texts(bob, 1)]);
  await laptop.client.direct('bob').markRead();
  const here = await phone.sees(bob, (list) => list.some(({ unread }) => !unread));
  expect(here.map(({ text, unread }) => [text, unread])).toEqual([
    ['before', true],
    ['after', false],
  ]);
  const there = await bob.sees(phone, (list) => list.some((one) => one.kind === 'text' && one.status === 'read'));
  expect(there.map((one) => one.kind === 'text' && one.status)).toEqual(['delivered', 'read']);
});

test('what was read on one device is read on the other too when it comes there after the mark', async () => {
  const clock = new TestClock();
  const { relay, alice: phone, bob } = await aliceAndBob({ clock });
  const laptop = await new Person('alice', relay, { clock }).wake();
  await link(phone, laptop);
  await bob.say(phone, 'first');
  await Promise.all([phone.texts(bob, 1), laptop.texts(bob, 1)]);
  relay.tamper = (payload, { user, device }) => (user === aciOfName('alice') && device === LAPTOP ? null : payload);
  await bob.say(phone, 'withheld from the laptop');
  await phone.texts(bob, 2);
  relay.tamper = (payload) => payload;
  await phone.client.direct('bob').markRead();
  await laptop.sees(bob, ([first]) => first?.unread === false);
  await bob.say(phone, 'after');
  expect(await laptop.texts(bob, 2)).toEqual(['first', 'after']);
  const list = await passUntil(
    clock,
    laptop.sees(bob, (all) => all.length === 3 && isText(all)),
  );
  expect(list.map(({ text, unread }) => [text, unread])).toEqual([
    ['first', false],
    ['withheld from the laptop', false],
    ['after', true],
  ]);
  const [conversation] = await until(laptop.client.conversations, ([one]) => one?.last?.text === 'after');
  expect(conversation?.unread).toBe(1);
});

test('what was read on a device that did not know of the other one yet is read there too', async () => {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const handlers = relay.mailbox('alice').socket?.handlers;
  if (!handlers) throw new Error('not online');
  // The notice takes its time.
  const noticed = gate();
  const { onDeviceListChanged } = handlers;
  handlers.onDeviceListChanged = () => void noticed.opened.then(onDeviceListChanged);
  const laptop = await new Person('alice', relay).wake();
  await useBundle(await makeBundle(phone), laptop);
  await laptop.online();
  await bob.say(phone, 'unread');
  await Promise.all([phone.texts(bob, 1), laptop.texts(bob, 1)]);
  await phone.client.direct('bob').markRead();
  // Nobody is there to be told.
  await phone.sees(bob, ([first]) => first?.unread === false);
  await bob.sees(phone, ([first]) => first?.kind === 'text' && first.status === 'read');
  noticed.open();
  await laptop.sees(bob, ([first]) => first?.unread === false);
});
