import type { Welcome } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { ConnectionState } from '../../../src/index.js';
import { aciOfName } from '../../support/fake-relay.js';
import { LyingRelay } from '../../support/lying-relay.js';
import { aliceAndBobOn, aliceAndBobTalkingOn, Person, until } from '../../support/person.js';
import { causesOf, isText, kindsOf } from '../../support/shown.js';
import { passUntil, TestClock } from '../../support/test-clock.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const ID = new Uint8Array(16).fill(7);

/** Alice alone is lied to. */
function toAlice(relay: LyingRelay, lie: (honest: Welcome) => Welcome): void {
  relay.welcome = (honest, to) => (to === aciOfName('alice') ? lie(honest) : honest);
}

test('lies about how many are left: progress is a number, and what comes is shown', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  const seen: ConnectionState[] = [];
  alice.client.connection.subscribe((state) => seen.push(state));
  for (const left of [-5, 2 ** 53 - 1]) {
    toAlice(relay, (welcome) => ({ ...welcome, first: welcome.head + 1 - left }));
    relay.deliver = (deliver) => ({ ...deliver, left });
    relay.cut();
    await bob.say(alice, `left: ${left}`);
    await alice.sees(bob, (list) => list.some(({ text }) => text === `left: ${left}`));
  }
  const left = seen.flatMap((state) => (state.state === 'online' ? [state.left] : []));
  expect(left.length).toBeGreaterThan(0);
  expect(left.every((count) => count >= 0)).toBe(true);
});

test('says that what is there has expired: the person is told, and the rest is read', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  toAlice(relay, (welcome) => ({ ...welcome, first: 1_000, head: 999 }));
  relay.cut();
  const [notice] = await until(alice.client.notices, ({ length }) => length > 0);
  expect(notice).toMatchObject({ code: 'expired' });
  relay.welcome = (welcome) => welcome;
  await bob.say(alice, 'still here');
  expect(await alice.texts(bob, 3)).toEqual(['hello', 'hi', 'still here']);
});

test('says that the vault is behind, again and again: sessions begin anew, the person is told, and talking goes on', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  toAlice(relay, (welcome) => ({ ...welcome, verdict: 'vault-behind' }));
  for (const text of ['one', 'two', 'three']) {
    relay.cut();
    await alice.say(bob, text);
    await bob.sees(alice, (list) => list.some((message) => message.text === text));
  }
  await bob.say(alice, 'four');
  expect(await alice.texts(bob, 6)).toEqual(['hello', 'hi', 'one', 'two', 'three', 'four']);
  const [notice] = await until(alice.client.notices, ({ length }) => length > 0);
  expect(notice).toMatchObject({ code: 'restored-device' });
});

test('moves the cursor back and forth: nothing is shown twice, and what it skips is missed and asked for', async () => {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay(), { clock });
  toAlice(relay, (welcome) => ({ ...welcome, verdict: 'mailbox-reset', acked: { seq: 0, id: null } }));
  relay.cut();
  await bob.say(alice, 'back');
  await alice.texts(bob, 3);
  toAlice(relay, (welcome) => ({ ...welcome, verdict: 'mailbox-reset', acked: { seq: 1_000, id: ID } }));
  relay.cut();
  await alice.online();
  await bob.say(alice, 'skipped');
  await bob.hasSent(alice, 'skipped');
  await relay.emptied('alice');
  const mailbox = relay.mailbox('alice');
  mailbox.acked = { seq: mailbox.head, id: null };
  relay.welcome = (welcome) => welcome;
  relay.cut();
  await bob.say(alice, 'forth');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'forth'));
  const list = await passUntil(
    clock,
    alice.sees(bob, (messages) => messages.length === 5 && isText(messages)),
  );
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'back', 'skipped', 'forth']);
});

test('puts Alice’s clock years back: whose own is right reads on all the same', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  toAlice(relay, (welcome) => ({ ...welcome, time: welcome.time - 3_650 * DAY_MS }));
  relay.cut();
  await alice.online();
  await bob.say(alice, 'what year is it?');
  expect(await alice.texts(bob, 3)).toEqual(['hello', 'hi', 'what year is it?']);
  // Positions only grow: her answer stands below the question.
  await alice.say(bob, 'this one');
  expect(await bob.texts(alice, 4)).toEqual(['hello', 'hi', 'what year is it?', 'this one']);
});

test('puts Alice’s clock years ahead: nobody reads what she writes then, and they are told; later she is read again', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  await bob.sleep();
  toAlice(relay, (welcome) => ({ ...welcome, time: welcome.time + 3_650 * DAY_MS }));
  relay.cut();
  await alice.status(({ state }) => state === 'online');
  await alice.say(bob, 'from the future');
  await alice.hasSent(bob, 'from the future');
  relay.welcome = (welcome) => welcome;
  relay.cut();
  await bob.wake();
  await alice.say(bob, 'from now');
  const list = await bob.sees(alice, (messages) => messages.some(({ text }) => text === 'from now'));
  expect(causesOf(list)).toEqual(['malformed-content']);
});

test('tells a device that it was removed: it forgets everything, and says why', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  relay.mailbox('alice').socket?.handlers.onClose({ code: 'device-gone', message: 'says the relay' });
  const state = await until(alice.client.connection, (connection) => connection.state === 'signed-out');
  expect(state).toMatchObject({ code: 'device-gone' });
  for (const table of ['messages', 'conversations', 'identities'] as const)
    expect(await alice.history.read([table], (transaction) => transaction.count(table))).toBe(0);
  for (const table of ['sessions', 'preKeys', 'peers', 'sent'] as const)
    expect(await alice.vault.read([table], (transaction) => transaction.count(table))).toBe(0);
  expect(await bob.texts(alice, 2)).toEqual(['hello', 'hi']);
});

test.each(['device-unknown', 'token-invalid', 'internal', 'unavailable'] as const)(
  'closes every socket with "%s": the person sees it, and nothing is lost',
  async (code) => {
    const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
    relay.refuses = { code, message: 'says the relay' };
    relay.cut();
    const shown = await until(alice.client.connection, (state) => 'code' in state && state.code === code);
    expect(['offline', 'signed-out']).toContain(shown.state);
    await alice.say(bob, 'written meanwhile');
    relay.refuses = null;
    await alice.sleep();
    await bob.sleep();
    await Promise.all([alice.wake(), bob.wake()]);
    expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'written meanwhile']);
  },
);

test('takes the socket and never says a word: it counts as none, and another is opened', async () => {
  const clock = new TestClock();
  const relay = new LyingRelay();
  relay.welcome = () => null;
  const alice = await new Person('alice', relay, { clock }).wake();
  await relay.opened;
  clock.advance(31_000);
  await alice.status((status) => status.state === 'offline' && status.code === 'network');
  relay.welcome = (welcome) => welcome;
  clock.advance(60_000);
  await alice.online();
});

const SHAPES: readonly [string, (honest: unknown) => unknown][] = [
  ['nothing', () => undefined],
  ['a text', () => 'yes'],
  ['an empty object', () => ({})],
  ['a list of lists', () => [[[[]]]]],
  ['its fields with other types', (honest) => withEvery(honest, 7)],
  ['its fields very long', (honest) => withEvery(honest, 'A'.repeat(1_000_000))],
  ['its numbers beyond all numbers', (honest) => withEvery(honest, Number.MAX_VALUE)],
];

/** Every field is the same something. */
function withEvery(honest: unknown, value: unknown): unknown {
  if (typeof honest !== 'object' || honest === null) return value;
  return Object.fromEntries(Object.keys(honest).map((key) => [key, value]));
}

test.each(SHAPES)('answers requests with %s: that counts as no answer, and the message waits', async (_, bend) => {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBobOn(new LyingRelay(), { clock });
  const askedOften = new Promise<void>((resolve) => {
    let bent = 0;
    relay.answer = (path, honest, to) => {
      if (to !== aciOfName('alice') || !path.startsWith('/v1/users/')) return honest;
      if (++bent === 4) resolve();
      return bend(honest);
    };
  });
  await alice.say(bob, 'patience');
  await passUntil(clock, askedOften);
  const [waiting] = await alice.sees(bob, ({ length }) => length === 1);
  expect(waiting).toMatchObject({ status: 'pending', failure: null });
  relay.answer = (_path, honest) => honest;
  expect(await passUntil(clock, bob.texts(alice, 1))).toEqual(['patience']);
});

test('never answers a request: the rest goes on', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  relay.answer = (path, honest) => (path.includes(aciOfName('carol')) ? new Promise(() => undefined) : honest);
  await alice.say(carol, 'stuck');
  await bob.say(alice, 'and I?');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'and I?'));
  const [stuck] = await alice.sees(carol, ({ length }) => length === 1);
  expect(stuck).toMatchObject({ status: 'pending' });
});

test('acknowledges what it throws away: the message says sent, and never more than that', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  relay.reply = async (submit) => ({
    ok: true,
    outcomes: submit.recipients.flatMap(({ devices }) => devices.map(() => 'stored' as const)),
  });
  await alice.say(bob, 'into the void');
  await alice.hasSent(bob, 'into the void');
  relay.reply = (_, honest) => honest();
  const list = await alice.sees(bob, (all) => all.some((one) => one.text === 'into the void'));
  expect(list.find(({ text }) => text === 'into the void')).toMatchObject({ status: 'sent' });
});
