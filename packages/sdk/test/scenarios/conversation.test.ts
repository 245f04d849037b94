import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { aliceAndBob, Person, until } from '../support/person.js';

test('Alice writes to Bob, whom she has never met, and Bob answers', async () => {
  const { alice, bob } = await aliceAndBob();
  await alice.say(bob, 'hello');
  expect(await bob.texts(alice, 1)).toEqual(['hello']);
  await bob.say(alice, 'hi');
  expect(await alice.texts(bob, 2)).toEqual(['hello', 'hi']);
});

test('the status of a message grows from pending over sent and delivered to read', async () => {
  const { alice, bob } = await aliceAndBob();
  const seen: (string | null)[] = [];
  alice.client.direct('bob').messages.subscribe(([first]) => {
    if (first?.kind === 'text' && seen.at(-1) !== first.status) seen.push(first.status);
  });
  await alice.say(bob, 'hello');
  await bob.texts(alice, 1);
  await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'delivered');
  await bob.client.direct('alice').markRead();
  await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'read');
  expect(['pending', 'sent', 'delivered', 'read'].filter((status) => seen.includes(status))).toEqual(seen);
  expect(seen).toEqual(expect.arrayContaining(['pending', 'delivered', 'read']));
});

test('a conversation with two hundred turns stays in order and complete on both sides', async () => {
  const { alice, bob } = await aliceAndBob();
  const expected: string[] = [];
  for (let turn = 0; turn < 100; turn++) {
    await alice.say(bob, `a${turn}`);
    await bob.texts(alice, Math.min(50, 2 * turn + 1));
    expected.push(`a${turn}`, `b${turn}`);
    await bob.sees(alice, (messages) => messages.some(({ text }) => text === `a${turn}`));
    await bob.say(alice, `b${turn}`);
    await alice.sees(bob, (messages) => messages.some(({ text }) => text === `b${turn}`));
  }
  while (await alice.client.direct('bob').loadEarlier());
  while (await bob.client.direct('alice').loadEarlier());
  expect(await alice.texts(bob, 200)).toEqual(expected);
  expect(await bob.texts(alice, 200)).toEqual(expected);
});

test('what Alice writes offline arrives once and in order when she is back', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  await alice.say(bob, 'before');
  await bob.texts(alice, 1);
  await alice.sleep();
  for (let i = 0; i < 20; i++) await alice.say(bob, `offline ${i}`);
  await alice.wake();
  const texts = await bob.texts(alice, 21);
  expect(texts).toEqual(['before', ...Array.from({ length: 20 }, (_, i) => `offline ${i}`)]);
  await alice.sees(bob, (messages) =>
    messages.every((message) => message.kind === 'text' && message.status === 'delivered'),
  );
  await relay.emptied('bob');
});

test('a submit whose answer is lost is repeated with the same bytes and shown once', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  await alice.say(bob, 'first');
  await bob.texts(alice, 1);
  let lost = 0;
  relay.onSubmit = () => (lost++ === 0 ? 'lost' : null);
  await alice.say(bob, 'second');
  await bob.texts(alice, 2);
  relay.cut();
  await alice.sees(bob, (messages) =>
    messages.every((message) => message.kind === 'text' && message.status !== 'pending'),
  );
  expect(lost).toBeGreaterThan(1);
  await alice.say(bob, 'third');
  expect(await bob.texts(alice, 3)).toEqual(['first', 'second', 'third']);
});

test('both write first at the same time, and both are read', async () => {
  const { alice, bob } = await aliceAndBob();
  await Promise.all([alice.say(bob, 'from alice'), bob.say(alice, 'from bob')]);
  const [a, b] = await Promise.all([alice.texts(bob, 2), bob.texts(alice, 2)]);
  expect(new Set(a)).toEqual(new Set(['from alice', 'from bob']));
  expect(b).toEqual(a);
  await alice.say(bob, 'again');
  expect((await bob.texts(alice, 3)).at(-1)).toBe('again');
});

test('a message to someone who has no device yet waits, and goes out when there is one', async () => {
  const relay = new FakeRelay();
  const alice = await new Person('alice', relay).wake();
  const bob = new Person('bob', relay);
  await alice.online();
  await alice.say(bob, 'welcome');
  await bob.wake();
  await bob.online();
  await alice.sleep();
  await alice.wake();
  expect(await bob.texts(alice, 1)).toEqual(['welcome']);
});

test('a backlog of 499 messages arrives in order, in batches', async () => {
  const { alice, bob } = await aliceAndBob();
  await alice.say(bob, 'hello');
  await bob.texts(alice, 1);
  await bob.sleep();
  for (let i = 0; i < 499; i++) await alice.say(bob, `m${i}`);
  await alice.sees(bob, (messages) =>
    messages.every((message) => message.kind === 'text' && message.status !== 'pending'),
  );
  await bob.wake();
  await bob.sees(alice, (messages) => messages.at(-1)?.text === 'm498');
  await bob.client.direct('alice').loadEarlier(500);
  expect(await bob.texts(alice, 500)).toEqual(['hello', ...Array.from({ length: 499 }, (_, i) => `m${i}`)]);
});

test('the relay sees no plaintext and no user name', async () => {
  const relay = new FakeRelay();
  const alice = await new Person('alice-in-wonderland', relay).wake();
  const bob = await new Person('bob-the-builder', relay).wake();
  await bob.online();
  await alice.say(bob, 'the canary sings at midnight');
  await bob.texts(alice, 1);
  const wire = Buffer.concat(
    relay.seen.flat(3).filter((part): part is Uint8Array => part instanceof Uint8Array),
  ).toString('latin1');
  const json = JSON.stringify(relay.seen);
  for (const secret of ['canary', 'wonderland', 'builder']) {
    expect(wire).not.toContain(secret);
    expect(json).not.toContain(secret);
  }
  expect(wire.length).toBeGreaterThan(1000);
});

test('unread counts and the list of conversations follow the messages', async () => {
  const { alice, bob } = await aliceAndBob();
  await alice.say(bob, 'one');
  await alice.say(bob, 'two');
  const list = await until(bob.client.conversations, ([first]) => first?.unread === 2);
  expect(list).toHaveLength(1);
  expect(list[0]).toMatchObject({ user: 'alice', unread: 2, last: { text: 'two' } });
  await bob.client.direct('alice').markRead();
  await until(bob.client.conversations, ([first]) => first?.unread === 0);
});

test('a stranger learns nothing of what was delivered and read, until Bob answers', async () => {
  const { relay, alice, bob } = await aliceAndBob({ receipts: 'answered' });
  await alice.say(bob, 'read before the answer');
  await bob.texts(alice, 1);
  await bob.client.direct('alice').markRead();
  await relay.emptied('bob');
  const waiting = await bob.history.read(['outbox'], (transaction) => transaction.range('outbox'));
  expect(waiting.filter(({ kind }) => kind === 'receipt')).toEqual([]);
  expect(relay.mailbox('alice').head).toBe(0);
  await bob.say(alice, 'hello Alice');
  await alice.sees(bob, ([first]) => first?.kind === 'text' && first.status === 'read');
});
