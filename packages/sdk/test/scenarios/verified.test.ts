import { toBase64Url } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { STANDARD_KINDS } from '../../src/content/kinds.js';
import type { IdentityMark } from '../../src/content/kind.js';
import { withMark } from '../../src/history/identity-row.js';
import type { IdentityRow } from '../../src/history/schema.js';
import type { IdentityState } from '../../src/index.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { honestContent, sendForged } from '../support/forge.js';
import { link } from '../support/link.js';
import { aliceAndBob, Person, startsAfresh, until } from '../support/person.js';

interface Cast {
  relay: FakeRelay;
  phone: Person;
  laptop: Person;
  bob: Person;
}

/** Alice has a phone and a laptop; Bob has written to both. */
async function cast(): Promise<Cast> {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  await bob.say(phone, 'hello');
  await Promise.all([phone.texts(bob, 1), laptop.texts(bob, 1)]);
  return { relay, phone, laptop, bob };
}

const becomes = (of: Person, state: IdentityState['state']): Promise<IdentityState> =>
  until(of.client.direct('bob').identity, (identity) => identity.state === state);

const compare = async (on: Person, other: Person): Promise<boolean> =>
  on.client.direct(other.name).verify((await other.client.direct(on.name).safetyNumber()).digits);

const identityRow = async (on: Person, name: string): Promise<IdentityRow> => {
  const found = await on.history.read(['identities'], (transaction) =>
    transaction.get('identities', [aciOfName(name)]),
  );
  if (!found) throw new Error(`${name} is not known`);
  return found;
};

test('Alice verifies Bob on her phone: her laptop says so too, and takes it back for both', async () => {
  const { relay, phone, laptop, bob } = await cast();
  expect(await compare(phone, bob)).toBe(true);
  await becomes(laptop, 'verified');
  await laptop.client.direct('bob').unverify();
  await becomes(phone, 'unverified');
  expect(await phone.client.direct('bob').verify((await laptop.client.direct('bob').safetyNumber()).digits)).toBe(true);
  await becomes(laptop, 'verified');
  // Bob hears nothing of it, and is not shown anything.
  await relay.emptied('bob');
  expect(await identityRow(bob, 'alice')).toMatchObject({ verified: 0, markedAt: 0 });
  expect(await bob.texts(phone, 1)).toEqual(['hello']);
});

test('a device that is linked later knows whom Alice has verified, before it has met them', async () => {
  const relay = new FakeRelay();
  const phone = await new Person('alice', relay).wake();
  const bob = await new Person('bob', relay).wake();
  await Promise.all([phone.online(), bob.online()]);
  await bob.say(phone, 'hello');
  await phone.texts(bob, 1);
  expect(await compare(phone, bob)).toBe(true);
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  await becomes(laptop, 'verified');
  // Under another key than the verified one, what is written on the laptop waits.
  const newBob = await startsAfresh(bob);
  await newBob.say(phone, 'new phone');
  await becomes(laptop, 'changed');
  expect(laptop.client.direct('bob').identity.get()).toMatchObject({ wasVerified: true, held: true });
});

test('Bob cannot mark himself, nor anybody else, as verified', async () => {
  const { phone, bob } = await cast();
  await phone.say(bob, 'hi');
  await bob.texts(phone, 2);
  await bob.sleep();
  const { identityKey, user } = await identityRow(phone, 'bob');
  const mark = { user, identityKey: toBase64Url(identityKey), verified: true, at: Date.now() };
  await sendForged(bob, phone, { ...(await honestContent(bob, phone)), kind: 'verified', body: { marks: [mark] } });
  await sendForged(bob, phone, await honestContent(bob, phone));
  await phone.sees(bob, (list) => list.some(({ text }) => text === 'forged'));
  expect(await identityRow(phone, 'bob')).toMatchObject({ verified: 0, markedAt: 0 });
});

test('the key changes while the mark is on its way: the mark does not pass to the new key', async () => {
  const { relay, phone, laptop, bob } = await cast();
  await laptop.sleep();
  expect(await compare(phone, bob)).toBe(true);
  await relay.emptied('bob');
  const newBob = await startsAfresh(bob);
  await newBob.say(phone, 'new phone');
  await becomes(phone, 'changed');
  await laptop.wake();
  await laptop.sees(newBob, (list) => list.some(({ text }) => text === 'new phone'));
  await becomes(laptop, 'changed');
  expect(await identityRow(laptop, 'bob')).toMatchObject({ verified: 0 });
  // Compared again on the phone, the new key is accepted and verified on both.
  expect(await compare(phone, newBob)).toBe(true);
  await becomes(laptop, 'verified');
});

const row: IdentityRow = {
  user: aciOfName('bob'),
  identityKey: new Uint8Array(33).fill(5),
  verified: 0,
  markedAt: 0,
  changedAt: null,
  wasVerified: 0,
  held: 0,
};
const word = (verified: boolean, at: number, key = row.identityKey): IdentityMark => ({
  user: row.user,
  identityKey: toBase64Url(key),
  verified,
  at,
});

test('the latest word counts, in whatever order the words come and however often', () => {
  const [first, second] = [word(true, 10), word(false, 20)];
  const both = [first, second, first, second];
  for (const words of [both, [...both].reverse()]) {
    const end = words.reduce<IdentityRow>((now, one) => withMark(now, one) ?? now, row);
    expect(end).toMatchObject({ verified: 0, markedAt: 20 });
  }
});

test('a mark counts for its key only, and of an unknown user only if it verifies', () => {
  const other = new Uint8Array(33).fill(6);
  expect(withMark(row, word(true, 10, other))).toBeNull();
  expect(withMark({ ...row, verified: 1 }, word(false, 10, other))).toBeNull();
  expect(withMark(undefined, word(false, 10))).toBeNull();
  expect(withMark(undefined, word(true, 10))).toMatchObject({ verified: 1, markedAt: 10 });
});

test.each<[string, unknown]>([
  ['no marks', { marks: [] }],
  ['too many', { marks: Array.from({ length: 101 }, () => word(true, 1)) }],
  ['a key of another length', { marks: [word(true, 1, new Uint8Array(32))] }],
  ['a time beyond all clocks', { marks: [word(true, 2 ** 53)] }],
  ['a user that is none', { marks: [{ ...word(true, 1), user: 'bob' }] }],
])('a body with %s is malformed', (_, body) => {
  expect(STANDARD_KINDS.parse('verified', body)).toBeNull();
});
