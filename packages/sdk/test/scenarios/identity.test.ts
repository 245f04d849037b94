import { expect, test } from 'vitest';

import type { IdentityState, Message } from '../../src/index.js';
import type { IdentityPolicy } from '../../src/history/identity-policy.js';
import { wakeMortal } from '../support/crashing-tables.js';
import { aciOfName } from '../support/fake-relay.js';
import { link } from '../support/link.js';
import {
  aliceAndBob,
  aliceAndBobTalking,
  type Pair,
  Person,
  startsAfresh,
  submitsToBob,
  until,
} from '../support/person.js';
import { kindsOf } from '../support/shown.js';

/** Alice and Bob have exchanged a message each. */
const pair = (policy: IdentityPolicy = 'inform'): Promise<Pair> =>
  aliceAndBobTalking({ alice: { identityChanges: policy } });

const identity = (of: Person, condition: (state: IdentityState) => boolean = () => true): Promise<IdentityState> =>
  until(of.client.direct('bob').identity, (state) => state.state !== 'unknown' && condition(state));

/** Alice accepts what she is shown. */
async function accept(alice: Person): Promise<boolean> {
  const shown = await identity(alice, ({ state }) => state === 'changed');
  if (shown.state !== 'changed') throw new Error('unreachable');
  return alice.client.direct('bob').acceptIdentity(shown.key);
}

/** Bob loses his phone and starts afresh; Alice hears of it by his first message. */
async function getsNewPhone({ bob, alice }: Pair): Promise<Person> {
  const newBob = await startsAfresh(bob);
  await newBob.say(alice, 'new phone');
  const isNew = ({ text }: Message): boolean => text === 'new phone';
  const known = alice.client.direct('bob').messages.get().filter(isNew).length;
  await alice.sees(newBob, (list) => list.filter(isNew).length > known);
  return newBob;
}

test('Alice and Bob see the same sixty digits, and each code fits the other’s device only', async () => {
  const { alice, bob } = await pair();
  const [hers, his] = [alice.client.direct('bob'), bob.client.direct('alice')];
  const [a, b] = [await hers.safetyNumber(), await his.safetyNumber()];
  expect(a.digits).toMatch(/^[0-9]{60}$/);
  expect(b.digits).toBe(a.digits);
  expect(a.groups).toHaveLength(12);
  expect(a.groups.join('')).toBe(a.digits);
  expect(await hers.verify(a.scannable)).toBe(false);
  expect(await hers.verify(new TextEncoder().encode('https://example.org'))).toBe(false);
  expect(await hers.verify(`${a.digits.slice(0, -1)}x`)).toBe(false);
  expect(await identity(alice)).toEqual({ state: 'unverified' });
  expect(await hers.verify(b.scannable)).toBe(true);
  expect(await identity(alice, ({ state }) => state === 'verified')).toEqual({ state: 'verified' });
  expect(await his.verify(a.groups.join(' '))).toBe(true);
  await hers.unverify();
  await identity(alice, ({ state }) => state === 'unverified');
});

test('before the first contact the number can be compared: the identity is fetched, and nobody is written to', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  const withBob = alice.client.direct('bob');
  expect(withBob.identity.get()).toEqual({ state: 'unknown' });
  const { digits } = await withBob.safetyNumber();
  expect((await bob.client.direct('alice').safetyNumber()).digits).toBe(digits);
  expect(await withBob.verify(digits)).toBe(true);
  await identity(alice, ({ state }) => state === 'verified');
  expect(relay.mailbox('bob').head).toBe(0);
  expect(await alice.history.read(['conversations'], (transaction) => transaction.count('conversations'))).toBe(0);
});

test('a linked device that has heard of Bob only by its bundle can compare numbers before any message', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  await alice.client.direct('bob').safetyNumber();
  const laptop = await new Person('alice', relay).wake();
  await link(alice, laptop);
  const { digits } = await bob.client.direct('alice').safetyNumber();
  expect((await laptop.client.direct('bob').safetyNumber()).digits).toBe(digits);
});

test('there is no number with somebody who has no device, nor offline with somebody whom nobody has met', async () => {
  const { relay, alice } = await aliceAndBob();
  await expect(alice.client.direct('carol').safetyNumber()).rejects.toMatchObject({ code: 'identity-unknown' });
  relay.down = true;
  await expect(alice.client.direct('bob').safetyNumber()).rejects.toMatchObject({ code: 'relay-unreachable' });
});

test('the key changes once more while Alice reads of the change: what she accepts is what she was shown', async () => {
  const two = await pair('block');
  const { relay, alice } = two;
  const first = await getsNewPhone(two);
  const shown = await identity(alice, ({ state }) => state === 'changed');
  if (shown.state !== 'changed') throw new Error('unreachable');
  const second = await getsNewPhone({ ...two, bob: first });
  const now = await identity(alice, (state) => state.state === 'changed' && state.key !== shown.key);
  const submitted = submitsToBob(relay);
  await alice.say(second, 'who is there?');
  expect(await alice.client.direct('bob').acceptIdentity(shown.key)).toBe(false);
  await relay.emptied('alice');
  expect(alice.client.direct('bob').identity.get()).toEqual(now);
  expect(submitted).toEqual([]);
  expect(await accept(alice)).toBe(true);
  expect(await alice.client.direct('bob').acceptIdentity(shown.key)).toBe(false);
  await second.sees(alice, (list) => list.some(({ text }) => text === 'who is there?'));
});

test('inform: the change shows until Alice accepts it, and she can write all the same', async () => {
  const two = await pair();
  const { alice } = two;
  const before = await alice.client.direct('bob').safetyNumber();
  const newBob = await getsNewPhone(two);
  expect(await identity(alice)).toMatchObject({ state: 'changed', wasVerified: false, held: false });
  await alice.say(newBob, 'who is there?');
  expect(await newBob.texts(alice, 2)).toEqual(['new phone', 'who is there?']);
  expect(await accept(alice)).toBe(true);
  await identity(alice, ({ state }) => state === 'unverified');
  expect((await alice.client.direct('bob').safetyNumber()).digits).not.toBe(before.digits);
});

test('block: what Alice writes waits until she accepts; what she wrote before the change stays with her', async () => {
  const two = await pair('block');
  const { relay, alice } = two;
  let lost = true;
  relay.onSubmit = (_, from) => (from === aciOfName('alice') && lost ? 'unavailable' : null);
  await alice.say(two.bob, 'for the old Bob only');
  const newBob = await getsNewPhone(two);
  lost = false;
  expect(await identity(alice)).toMatchObject({ state: 'changed', held: true });
  const submitted = submitsToBob(relay);
  await alice.say(newBob, 'are you Bob?');
  const held = await alice.sees(newBob, (list) => list.some(({ text }) => text === 'are you Bob?'));
  expect(held.find(({ text }) => text === 'are you Bob?')).toMatchObject({ status: 'pending' });
  // An engine that begins anew holds it too.
  await alice.sleep();
  await alice.wake();
  await alice.online();
  await newBob.say(alice, 'it is me');
  await alice.sees(newBob, (list) => list.some(({ text }) => text === 'it is me'));
  await relay.emptied('alice');
  expect(submitted).toEqual([]);

  expect(await accept(alice)).toBe(true);
  const [question] = (await newBob.sees(alice, (list) => list.some(({ mine }) => !mine))).filter(({ mine }) => !mine);
  expect(question?.text).toBe('are you Bob?');
  const old = (await alice.sees(newBob, () => true)).find(({ text }) => text === 'for the old Bob only');
  expect(old).toMatchObject({ status: 'failed', failure: 'identity-changed' });
});

test('a verified contact blocks under either policy, and comparing again goes on', async () => {
  const two = await pair('inform');
  const { alice, bob } = two;
  const conversation = alice.client.direct('bob');
  const old = (await bob.client.direct('alice').safetyNumber()).scannable;
  expect(await conversation.verify(old)).toBe(true);
  const newBob = await getsNewPhone(two);
  expect(await identity(alice)).toMatchObject({ state: 'changed', wasVerified: true, held: true });
  await alice.say(newBob, 'wait');
  expect(await conversation.verify(old)).toBe(false);
  expect(await conversation.verify((await newBob.client.direct('alice').safetyNumber()).scannable)).toBe(true);
  expect(await identity(alice, ({ state }) => state === 'verified')).toEqual({ state: 'verified' });
  await newBob.sees(alice, (list) => list.some(({ text }) => text === 'wait'));
});

test('no receipt goes to an identity that is not accepted', async () => {
  const two = await pair('block');
  const submitted = submitsToBob(two.relay);
  const newBob = await getsNewPhone(two);
  await two.alice.client.direct('bob').markRead();
  await two.relay.emptied('alice');
  const toNewBob = two.relay.mailbox('bob').registration;
  expect(submitted).not.toContain(toNewBob);
  expect(await accept(two.alice)).toBe(true);
  await newBob.sees(two.alice, ([first]) => first?.kind === 'text' && first.status === 'read');
});

test(
  'whenever Alice’s engine dies during the change, the change is told once and held',
  { timeout: 120_000 },
  async () => {
    for (let commits = 1, died = true; died; commits++) {
      const two = await pair('block');
      const { relay, alice, bob } = two;
      await alice.sleep();
      const newBob = await startsAfresh(bob);
      await newBob.say(alice, 'new phone');
      await newBob.hasSent(alice, 'new phone');
      const life = await wakeMortal(alice, commits);
      await Promise.race([life.ended, relay.emptied('alice')]);
      await alice.sleep();
      await alice.wake();
      await relay.emptied('alice');
      const list = await alice.sees(newBob, (messages) => messages.some(({ text }) => text === 'new phone'));
      expect(kindsOf(list).slice(2)).toEqual(['identity-changed', 'new phone']);
      expect(await identity(alice)).toMatchObject({ state: 'changed', held: true });
      await alice.sleep();
      await newBob.sleep();
      died = life.isOver;
    }
  },
);
