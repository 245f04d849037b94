import { expect, test } from 'vitest';

import { makeBundle } from '../support/bundle.js';
import { aciOfName } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { link, useBundle } from '../support/link.js';
import { aliceAndBob, aliceAndBobTalking, Person } from '../support/person.js';

/** What a device has sealed and not got rid of. */
const unfinished = (person: Person): Promise<number> =>
  person.vault.read(['sealedMessages'], (transaction) => transaction.count('sealedMessages'));

test('a message that leaves before its author has heard of a second device of theirs reaches that device', async () => {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  const bundle = await makeBundle(phone);
  await phone.sleep();
  await useBundle(bundle, laptop);
  await laptop.online();
  await phone.say(bob, 'from my phone');
  // The phone learns of the laptop only after it has tried to send.
  const tried = gate();
  relay.onSubmit = () => {
    tried.open();
    return null;
  };
  relay.beforeAnswer = async (path) => {
    if (path.includes(`${aciOfName('alice')}/device-list`)) await tried.opened;
  };
  await phone.wake();
  expect(await laptop.texts(bob, 1)).toEqual(['from my phone']);
  expect(await bob.texts(phone, 1)).toEqual(['from my phone']);
});

test('a message that was sealed in an earlier life reaches a device that joined meanwhile, however much waits before it', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  await alice.sleep();
  for (let i = 0; i < 250; i++) await alice.client.direct(`nobody-${i}`).send('are you there?');
  await alice.say(bob, 'sealed');
  const sealed = gate();
  relay.onSubmit = () => {
    sealed.open();
    return 'unavailable';
  };
  await alice.wake();
  await sealed.opened;
  await alice.sleep();
  relay.onSubmit = () => null;
  const tablet = await new Person('bob', relay).wake();
  await link(bob, tablet);
  await alice.wake();
  expect(await tablet.texts(alice, 1)).toEqual(['sealed']);
  expect(await bob.texts(alice, 1)).toEqual(['sealed']);
});

test('a receipt that was refused for a stale list goes out as it was, beside those that came after it', async () => {
  const { relay, alice: phone, bob } = await aliceAndBobTalking({ bob: { gatherMs: 500 } });
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  // Bob hears of the laptop by a refusal, and only once there is a second message to give a receipt for.
  const both = gate();
  relay.beforeAnswer = async (path) => {
    if (path.includes(`${aciOfName('alice')}/device-list`)) await both.opened;
  };
  let refused = false;
  relay.onSubmit = (_, from) => {
    if (from === aciOfName('bob') && !refused) {
      refused = true;
      void phone.say(bob, 'second');
    }
    return null;
  };
  await phone.say(bob, 'first');
  await bob.texts(phone, 4);
  both.open();
  for (const device of [phone, laptop])
    await device.sees(
      bob,
      (list) => list.filter((one) => one.mine && one.kind === 'text' && one.status === 'delivered').length >= 2,
    );
  const fromBob = await phone.vault.read(['sessions'], (transaction) =>
    transaction.get('sessions', [aciOfName('bob'), 1]),
  );
  expect(fromBob?.counters.missing).toEqual([]);
  await bob.sleep();
  expect(await unfinished(bob)).toBe(0);
});

test('a sealed receipt whose message is read before it leaves does not stay in the vault', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking({ bob: { gatherMs: 500 } });
  const sealed = gate();
  relay.onSubmit = (_, from) => {
    if (from !== aciOfName('bob')) return null;
    sealed.open();
    return 'unavailable';
  };
  await alice.say(bob, 'did this arrive?');
  await sealed.opened;
  await bob.sleep();
  expect(await unfinished(bob)).toBe(1);
  relay.onSubmit = () => null;
  await bob.wake();
  await bob.online();
  await bob.client.direct('alice').markRead();
  await alice.sees(bob, (list) => list.every((one) => !one.mine || (one.kind === 'text' && one.status === 'read')));
  await bob.sleep();
  expect(await unfinished(bob)).toBe(0);
});
