import type { Aci, DeviceId, RegistrationId, SignedDeviceList, Submit } from '@sotto/protocol';
import { generateKeyPair, sign } from '@sotto/crypto';
import { decodeDeviceList, deviceListMessage, encodeDeviceList, putDeviceListRequest } from '@sotto/protocol';
import { expect, test } from 'vitest';
import * as s from '@sotto/protocol/schema';

import { systemRandom } from '../../../src/util/random.js';
import { aciOfName, FakeRelay } from '../../support/fake-relay.js';
import { envelopeFrom } from '../../support/forge.js';
import { link } from '../../support/link.js';
import { LyingRelay } from '../../support/lying-relay.js';
import {
  aliceAndBob,
  aliceAndBobTalking,
  aliceAndBobTalkingOn,
  type Pair,
  inPlaceOf,
  Person,
  submitsToBob,
  until,
} from '../../support/person.js';
import { kindsOf } from '../../support/shown.js';
import { passUntil, TestClock } from '../../support/test-clock.js';

/** What a relay can make: a device of its own under somebody's name, with an identity that signs whatever is wanted. */
async function impostor(relay: FakeRelay, name: string, text: string, to: Person): Promise<Uint8Array> {
  const user = aciOfName(name);
  const genuine = relay.users.get(user);
  const evil = await inPlaceOf(relay, name);
  const payload = new Promise<Uint8Array>((resolve) => {
    relay.onSubmit = (submit, from) => {
      if (from === user && submit.payloads[0]) resolve(submit.payloads[0]);
      return 'unavailable';
    };
  });
  await evil.say(to, text);
  const captured = await payload;
  await evil.sleep();
  relay.onSubmit = () => null;
  if (genuine) relay.users.set(user, genuine);
  return captured;
}

test('a device list of Alice herself under another identity is not believed: nothing is sealed for it', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  const other = new FakeRelay();
  await (await new Person('alice', other).wake()).online();
  const [mine, forged] = [relay.users.get(aciOfName('alice')), other.users.get(aciOfName('alice'))];
  if (!mine || !forged) throw new Error('not registered');
  relay.users.set(aciOfName('alice'), { ...mine, list: forged.list, identityKey: forged.identityKey });
  relay.mailbox('alice').socket?.handlers.onDeviceListChanged();
  const recipients: Aci[] = [];
  relay.onSubmit = (submit: Submit, from) => {
    const sealedFor = submit.recipients.filter(({ devices }) => devices.length > 0);
    if (from === aciOfName('alice')) recipients.push(...sealedFor.map(({ user }) => user));
    return null;
  };
  await alice.say(bob, 'for Bob alone');
  await bob.texts(alice, 3);
  expect(new Set(recipients)).toEqual(new Set([aciOfName('bob')]));
});

test('a handshake under a false identity is shown as a change, also in front of a genuine message', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  const forged = await impostor(relay, 'bob', 'forged by the relay', alice);
  relay.inject('alice', await envelopeFrom(bob, forged));
  await bob.say(alice, 'genuine');
  await bob.hasSent(alice, 'genuine');
  await alice.wake();
  const seen = await alice.sees(bob, (list) =>
    list.some(({ kind }) => kind === 'undecryptable' || kind === 'identity-changed'),
  );
  await relay.emptied('alice');
  const kinds = kindsOf(await alice.sees(bob, (list) => list.length >= seen.length));
  const at = kinds.indexOf('forged by the relay');
  expect(kinds.slice(0, at === -1 ? undefined : at)).toContain('identity-changed');
});

test('a relay that puts its own keys in Bob’s place gets nothing, and the digits tell', async () => {
  const two = await aliceAndBobTalking({ alice: { identityChanges: 'block' } });
  const { relay, alice, bob } = two;
  const genuine = relay.users.get(aciOfName('bob'));
  const digits = (await bob.client.direct('alice').safetyNumber()).digits;
  expect(await alice.client.direct('bob').verify(digits)).toBe(true);
  // The relay's own device under Bob's name.
  const evil = await inPlaceOf(relay, 'bob');
  const submitted = submitsToBob(relay);
  await alice.say(bob, 'our secret');
  await until(alice.client.direct('bob').identity, ({ state }) => state === 'changed');
  await alice.sees(bob, (list) => list.some(({ kind }) => kind === 'identity-changed'));
  expect(await alice.client.direct('bob').verify(digits)).toBe(false);
  // Back to the genuine Bob: another change, and the mark is not forgotten.
  await evil.sleep();
  if (genuine) relay.users.set(aciOfName('bob'), genuine);
  await bob.say(alice, 'are you there?');
  await bob.hasSent(alice, 'are you there?');
  await relay.emptied('alice');
  expect(alice.client.direct('bob').identity.get()).toMatchObject({ state: 'changed', wasVerified: true, held: true });
  expect(submitted.filter((registration) => registration !== genuine?.devices.get(1)?.registration)).toEqual([]);
});

test('an older list of Alice’s own devices does not bring a removed device back', async () => {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  const user = relay.users.get(aciOfName('alice'));
  if (!user) throw new Error('not registered');
  const older = user.list;
  const listedBefore = await until(phone.client.devices, ({ length }) => length === 2);
  await phone.client.removeDevice(listedBefore.find(({ current }) => !current)?.id ?? '');
  await until(laptop.client.connection, ({ state }) => state === 'signed-out');
  const version = (): number => decodeDeviceList(user.list?.record ?? new Uint8Array())?.version ?? 0;
  const removal = version();
  user.list = older;
  const healed = new Promise<void>((resolve) => (relay.onRequest = () => version() > removal && resolve()));
  relay.cut();
  await healed;
  const tablet = await new Person('alice', relay).wake();
  await link(phone, tablet);
  const listed = decodeDeviceList(user.list?.record ?? new Uint8Array());
  expect(listed?.devices.map(({ registration }) => registration).sort()).toEqual(
    [...user.devices.values()].map(({ registration }) => registration).sort(),
  );
  await bob.say(phone, 'to those that are left');
  for (const device of [phone, tablet])
    await device.sees(bob, (list) => list.some(({ text }) => text.includes('left')));
});

/** What Bob's list was before he linked another device. */
async function olderListOfBob({
  relay,
  bob,
}: Pair): Promise<{ older: SignedDeviceList; newer: SignedDeviceList; tablet: Person }> {
  const user = relay.users.get(aciOfName('bob'));
  const older = user?.list;
  const tablet = await new Person('bob', relay).wake();
  await link(bob, tablet);
  const newer = user?.list;
  if (!older || !newer || older === newer) throw new Error('the list is what it was');
  return { older, newer, tablet };
}

function serves(relay: FakeRelay, name: string, list: SignedDeviceList): void {
  const user = relay.users.get(aciOfName(name));
  if (!user) throw new Error(`${name} is not registered`);
  user.list = list;
}

test('a newer device list hidden: its version comes with Bob’s words, the relay is asked again, and Alice is told', async () => {
  const two = await aliceAndBobTalkingOn(new LyingRelay());
  const { relay, alice, bob } = two;
  const { older, tablet } = await olderListOfBob(two);
  let hides = true;
  let asked = 0;
  relay.answer = (path, honest, to) => {
    if (!hides || to !== aciOfName('alice') || !path.startsWith(`/v1/users/${aciOfName('bob')}/`)) return honest;
    asked++;
    return { ...(honest as object), list: s.encode(putDeviceListRequest, older) };
  };
  await bob.say(alice, 'I have a tablet now');
  await alice.texts(bob, 3);
  const [notice] = await until(alice.client.notices, ({ length }) => length > 0);
  expect(notice).toMatchObject({ code: 'hidden-device-list' });
  expect(asked).toBeGreaterThan(0);
  // The relay gives it up: with the next word the list is asked for again, and the tablet is written to.
  hides = false;
  await bob.say(alice, 'really');
  await alice.texts(bob, 4);
  await alice.say(bob, 'to both');
  await tablet.sees(alice, (list) => list.some(({ text }) => text === 'to both'));
});

test('an older device list of Bob than Alice has seen: nothing is sealed by it, Alice is told, and the message waits for the newer', async () => {
  const clock = new TestClock();
  const two = await aliceAndBobTalking({ alice: { clock } });
  const { relay, alice, bob } = two;
  const { older, newer } = await olderListOfBob(two);
  await bob.say(alice, 'I have a tablet now');
  await alice.say(bob, 'good');
  await alice.hasSent(bob, 'good');
  serves(relay, 'bob', older);
  await alice.say(bob, 'rolled back');
  expect(await until(alice.client.notices, ({ length }) => length > 0)).toMatchObject([{ code: 'hidden-device-list' }]);
  const waiting = (await alice.sees(bob, (list) => list.some(({ text }) => text === 'rolled back'))).at(-1);
  expect(waiting).toMatchObject({ text: 'rolled back', status: 'pending' });
  serves(relay, 'bob', newer);
  await passUntil(
    clock,
    bob.sees(alice, (list) => list.some(({ text }) => text === 'rolled back')),
  );
});

/** The same list with a device of the relay's own. */
function withDevice(record: Uint8Array): Uint8Array {
  const list = decodeDeviceList(record);
  if (!list) throw new Error('no list');
  const spy = {
    device: 9 as DeviceId,
    registration: 99 as RegistrationId,
    signingKey: generateKeyPair(systemRandom).publicKey,
  };
  return encodeDeviceList({ ...list, version: list.version + 1, devices: [...list.devices, spy] });
}

/** Signed with a key that is nobody's. */
function signed(record: Uint8Array): SignedDeviceList {
  const { privateKey } = generateKeyPair(systemRandom);
  return { record, signature: sign(privateKey, deviceListMessage(record), systemRandom) };
}

test.each<[string, (genuine: SignedDeviceList, carols: SignedDeviceList) => SignedDeviceList]>([
  ['added to the list', ({ record, signature }) => ({ record: withDevice(record), signature })],
  ['on a list that the relay has signed', ({ record }) => signed(withDevice(record))],
  ['on the list of somebody else', (_, carols) => carols],
])('a device %s: nothing is sealed for it, nor for anybody by that list', async (_, forge) => {
  const { relay, alice, bob } = await aliceAndBob();
  await (await new Person('carol', relay).wake()).online();
  const [genuine, carols] = ['bob', 'carol'].map((name) => relay.users.get(aciOfName(name))?.list);
  if (!genuine || !carols) throw new Error('no list');
  serves(relay, 'bob', forge(genuine, carols));
  let submits = 0;
  relay.onSubmit = () => (submits++, null);
  await alice.say(bob, 'secret');
  const [message] = await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'failed');
  expect(message).toMatchObject({ failure: 'forged-keys' });
  expect(submits).toBe(0);
});

test('a device that the relay calls missing and no list names: nothing is sealed for it, and the message waits', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  const missing = [{ device: 9 as DeviceId, registration: 99 as RegistrationId }];
  const targets = new Set<number>();
  let refusals = 0;
  relay.reply = async (submit, honest) => {
    if (!submit.recipients.some(({ user }) => user === aciOfName('bob'))) return honest();
    for (const { devices } of submit.recipients) for (const { device } of devices) targets.add(device);
    if (++refusals > 3) return honest();
    const stale = [{ user: aciOfName('bob'), version: 99, missing, gone: [] }];
    return { ok: false, error: { code: 'stale-device-list', message: 'says the relay', stale } };
  };
  await alice.say(bob, 'for Bob’s devices');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'for Bob’s devices'));
  expect([...targets]).toEqual([1]);
});

test('bundles of somebody else’s device, or with the keys of another: not encrypted to', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  const [his, hers] = [relay.mailbox('bob'), relay.mailbox('carol')];
  [his.signed, his.lastResort, his.kem] = [hers.signed, hers.lastResort, hers.kem];
  await alice.say(bob, 'secret');
  const [message] = await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'failed');
  expect(message).toMatchObject({ failure: 'forged-keys' });
});

test('only last-resort keys served: messages go through, and the supply is what the person cannot see', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  const mailbox = relay.mailbox('bob');
  mailbox.oneTime = [];
  mailbox.kem = [];
  await alice.say(bob, 'hello');
  expect(await bob.texts(alice, 1)).toEqual(['hello']);
  await relay.emptied('bob');
  const seen = await bob.vault.read(['acceptedHandshakes'], (transaction) => transaction.range('acceptedHandshakes'));
  expect(seen).toHaveLength(1);
});

test('a false identity at the very first contact: nothing shows it but the safety number', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  const genuine = relay.users.get(aciOfName('bob'));
  if (!genuine) throw new Error('not registered');
  const evil = await inPlaceOf(relay, 'bob');
  await alice.say(evil, 'our secret');
  expect(await evil.texts(alice, 1)).toEqual(['our secret']);
  await alice.hasSent(bob, 'our secret');
  expect(kindsOf(await alice.sees(bob, ({ length }) => length > 0))).toEqual(['our secret']);
  expect(await until(alice.client.direct('bob').identity, ({ state }) => state !== 'unknown')).toEqual({
    state: 'unverified',
  });
  // The genuine Bob knows Alice; what he reads out is not what she sees.
  await evil.sleep();
  relay.users.set(aciOfName('bob'), genuine);
  await bob.say(alice, 'who is there?');
  await bob.hasSent(alice, 'who is there?');
  const his = (await bob.client.direct('alice').safetyNumber()).digits;
  await alice.sees(bob, (list) => list.some(({ kind }) => kind === 'identity-changed'));
  expect((await evil.client.direct('alice').safetyNumber()).digits).not.toBe(his);
  expect((await alice.client.direct('bob').safetyNumber()).digits).toBe(his);
});

test('a forged prekey bundle is not encrypted to, and the message says so', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  const mailbox = relay.mailbox('bob');
  if (!mailbox.signed) throw new Error('no signed prekey');
  mailbox.signed = {
    ...mailbox.signed,
    signature: mailbox.signed.signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
  };
  await alice.say(bob, 'secret');
  const [message] = await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'failed');
  expect(message).toMatchObject({ failure: 'forged-keys' });
});
