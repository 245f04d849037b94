import { toBase64Url } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { ProfileBody } from '../../src/content/kinds/profile.js';
import { aciOfName } from '../support/fake-relay.js';
import { honestContent, sendForged } from '../support/forge.js';
import { link } from '../support/link.js';
import { aliceAndBob, aliceAndBobTalking, Person, startsAfresh, until } from '../support/person.js';

/** Resolves when `of` knows `other` by that name. */
const knows = (of: Person, other: Person, name: string | null): Promise<unknown> =>
  until(of.client.direct(other.name).profile, (profile) => profile.name === name);

const nameKnown = (of: Person, other: Person): Promise<string | null | undefined> =>
  of.history.read(
    ['profiles'],
    async (transaction) => (await transaction.get('profiles', [aciOfName(other.name)]))?.name,
  );

test('Alice says what she is called: Bob learns it when she writes, and again when it changes', async () => {
  const { alice, bob } = await aliceAndBob();
  await alice.client.setProfile({ name: ' Alice Liddell ' });
  expect(await until(alice.client.profile, ({ name }) => name !== null)).toEqual({ name: 'Alice Liddell' });
  await alice.say(bob, 'hello');
  await knows(bob, alice, 'Alice Liddell');
  const [listed] = await until(bob.client.conversations, ([first]) => first?.name === 'Alice Liddell');
  expect(listed).toMatchObject({ user: 'alice', name: 'Alice Liddell' });

  await alice.client.setProfile({ name: 'Alice Hargreaves' });
  await knows(bob, alice, 'Alice Hargreaves');
  await until(bob.client.conversations, ([first]) => first?.name === 'Alice Hargreaves');
  await alice.client.setProfile({ name: null });
  await knows(bob, alice, null);
  // It is no message: nothing is unread, and no line is added.
  expect(await bob.texts(alice, 1)).toEqual(['hello']);
});

test('a stranger who writes first learns the name with the answer, and not before', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  await bob.client.setProfile({ name: 'Robert' });
  await alice.say(bob, 'hello');
  await bob.texts(alice, 1);
  await bob.client.setProfile({ name: 'Rob' });
  await bob.client.direct('alice').markRead();
  await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'read');
  await relay.emptied('alice');
  expect(await nameKnown(alice, bob)).toBeUndefined();
  await bob.say(alice, 'hi');
  await knows(alice, bob, 'Rob');
});

test('names change while both are away: the last one counts, told once for each contact', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await Promise.all([alice.sleep(), bob.sleep()]);
  for (const name of ['A', 'B', 'C']) await alice.client.setProfile({ name });
  let submits = 0;
  relay.onSubmit = (_, from) => {
    if (from === aciOfName('alice')) submits++;
    return null;
  };
  await alice.wake();
  await bob.wake();
  await knows(bob, alice, 'C');
  await relay.emptied('bob');
  expect(submits).toBe(1);
});

test('somebody who has no device yet learns the name with the message that waited for them', async () => {
  const { relay, alice } = await aliceAndBob();
  await alice.client.setProfile({ name: 'Alice' });
  const carol = new Person('carol', relay);
  await alice.say(carol, 'welcome');
  await until(alice.client.connection, ({ state }) => state === 'online');
  await carol.wake();
  await carol.online();
  await alice.sleep();
  await alice.wake();
  expect(await carol.texts(alice, 1)).toEqual(['welcome']);
  await knows(carol, alice, 'Alice');
});

test('all devices know the names: those that are there, and one that is linked later', async () => {
  const { relay, alice: phone, bob } = await aliceAndBobTalking();
  await phone.client.setProfile({ name: 'Alice' });
  await bob.client.setProfile({ name: 'Bob' });
  await knows(phone, bob, 'Bob');
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  await until(laptop.client.profile, ({ name }) => name === 'Alice');
  await knows(laptop, bob, 'Bob');
  await laptop.client.setProfile({ name: 'Alice L.' });
  await until(phone.client.profile, ({ name }) => name === 'Alice L.');
  await laptop.say(bob, 'from my laptop');
  await knows(bob, laptop, 'Alice L.');
  await bob.client.setProfile({ name: 'Robert' });
  await Promise.all([knows(phone, bob, 'Robert'), knows(laptop, bob, 'Robert')]);
});

test('Bob starts afresh and has forgotten everything: with her next message Alice tells him her name again', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  await alice.client.setProfile({ name: 'Alice' });
  await knows(bob, alice, 'Alice');
  const newBob = await startsAfresh(bob);
  await newBob.say(alice, 'new phone');
  await alice.sees(newBob, (list) => list.some(({ text }) => text === 'new phone'));
  await alice.say(newBob, 'it is me');
  await knows(newBob, alice, 'Alice');
});

test('a malicious contact speaks for itself only, and its name cannot deceive', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.client.setProfile({ name: 'Alice' });
  await knows(bob, alice, 'Alice');
  const told = await aliceAndBob();
  await bob.sleep();
  const forge = async (profiles: unknown): Promise<void> => {
    const content = { ...(await honestContent(bob, alice)), kind: 'profile', body: { profiles } };
    await sendForged(bob, alice, { ...content, id: toBase64Url(crypto.getRandomValues(new Uint8Array(16))) });
  };
  const word = (name: string, of = 'bob', at = 10): ProfileBody['profiles'][number] => ({
    user: aciOfName(of),
    name,
    at,
  });
  await forge([word('Not Alice', 'alice', 2 ** 50), word('Not Carol', 'carol'), word('\u202eecilA', 'bob', 11)]);
  await knows(alice, bob, 'ecilA');
  // Older than what is known; too long; no list; too many.
  await forge([word('Older', 'bob', 10)]);
  await forge([word('x'.repeat(300), 'bob', 12)]);
  await forge('Bob');
  await forge(Array.from({ length: 101 }, () => word('Bob', 'bob', 13)));
  await forge([word(`${'x'.repeat(200)}\n${'\u0301'.repeat(50)}`, 'bob', 14)]);
  await knows(alice, bob, 'x'.repeat(64));
  await relay.emptied('alice');
  expect(await nameKnown(alice, alice)).toBe('Alice');
  expect(await nameKnown(alice, new Person('carol', told.relay))).toBeUndefined();
});

test('a name that nobody can see, or that is too long, is refused', async () => {
  const { alice } = await aliceAndBob();
  for (const name of ['', '  ', '\u202e\u200b', 'x'.repeat(65)])
    await expect(alice.client.setProfile({ name })).rejects.toMatchObject({ code: 'profile-name' });
});

test('the relay never sees a name that somebody gave themselves', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.client.setProfile({ name: 'canary-of-the-mine' });
  await knows(bob, alice, 'canary-of-the-mine');
  const wire = relay.seen.flat(3).filter((part): part is Uint8Array => part instanceof Uint8Array);
  expect(Buffer.concat(wire).toString('latin1')).not.toContain('canary');
  expect(JSON.stringify(relay.seen)).not.toContain('canary');
});
