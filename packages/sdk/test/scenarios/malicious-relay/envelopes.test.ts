import type { Envelope } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { NOTICES } from '../../../src/history/notice.js';
import { aciOfName, FakeRelay } from '../../support/fake-relay.js';
import { envelopeFrom } from '../../support/forge.js';
import { LyingRelay } from '../../support/lying-relay.js';
import { aliceAndBobTalking, aliceAndBobTalkingOn, type Pair, Person, until } from '../../support/person.js';
import { causesOf, damaged, isText, kindsOf } from '../../support/shown.js';
import { passUntil, TestClock } from '../../support/test-clock.js';

const HOUR_MS = 60 * 60 * 1000;

/** What the relay holds for somebody who is away, to be handed out as it likes. */
const heldFor = (relay: FakeRelay, name: string): Envelope[] => relay.mailbox(name).envelopes;

/** The same envelopes in another order, with numbers as if that had been theirs. */
function renumber(relay: FakeRelay, name: string, order: readonly Envelope[]): void {
  const mailbox = relay.mailbox(name);
  const first = mailbox.envelopes[0]?.seq ?? mailbox.head + 1;
  mailbox.envelopes = order.map((envelope, i) => ({ ...envelope, seq: first + i }));
  mailbox.head = first + order.length - 1;
}

/** Alice and Bob have talked; she is away while he writes. */
async function away(...texts: string[]): Promise<Pair> {
  const two = await aliceAndBobTalking();
  await two.alice.sleep();
  for (const text of texts) await two.bob.say(two.alice, text);
  for (const text of texts) await two.bob.hasSent(two.alice, text);
  return two;
}

test('reordered: the conversation is in the order in which it was written', async () => {
  const { relay, alice, bob } = await away('one', 'two', 'three');
  renumber(relay, 'alice', heldFor(relay, 'alice').toReversed());
  await alice.wake();
  expect(await alice.texts(bob, 5)).toEqual(['hello', 'hi', 'one', 'two', 'three']);
});

test('repeated, also under other ids and at once: acknowledged and shown once', async () => {
  const { relay, alice, bob } = await away('only once');
  const [one] = heldFor(relay, 'alice');
  if (!one) throw new Error('nothing was sent');
  const renamed = { ...one, id: crypto.getRandomValues(new Uint8Array(16)) };
  renumber(relay, 'alice', [one, one, renamed]);
  await alice.wake();
  await alice.texts(bob, 3);
  await relay.emptied('alice');
  relay.inject('alice', one);
  relay.inject('alice', renamed);
  await relay.emptied('alice');
  await bob.say(alice, 'after');
  const list = await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'after'));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'only once', 'after']);
});

test('the first message of a session repeated: the handshake is not accepted again', async () => {
  const relay = new FakeRelay();
  const alice = await new Person('alice', relay).wake();
  await alice.online();
  // Only a last-resort key is left: unlike one-time keys, it still fits the second time.
  relay.mailbox('alice').oneTime = [];
  relay.mailbox('alice').kem = [];
  const bob = await new Person('bob', relay).wake();
  await bob.online();
  let handshake: Uint8Array | undefined;
  relay.onSubmit = (submit, from) => {
    if (from === aciOfName('bob')) handshake ??= submit.payloads[0];
    return null;
  };
  await bob.say(alice, 'hello');
  await alice.texts(bob, 1);
  await alice.say(bob, 'hi');
  await bob.texts(alice, 2);
  await relay.emptied('alice');
  if (!handshake) throw new Error('nothing was sent');
  // The session that it began is forgotten: only the note of the handshake is left to know it by.
  await alice.sleep();
  await alice.vault.write(['sessions', 'archivedSessions'], async (transaction) => {
    for (const { user, device } of await transaction.range('sessions'))
      await transaction.delete('sessions', [user, device]);
    for (const { user, device, id } of await transaction.range('archivedSessions'))
      await transaction.delete('archivedSessions', [user, device, id]);
  });
  relay.inject('alice', await envelopeFrom(bob, handshake));
  await alice.wake();
  const list = await alice.sees(bob, (messages) => messages.length === 3);
  expect(causesOf(list)).toEqual(['repeated-handshake']);
});

test('swapped between two mailboxes: neither reads what was meant for the other, and both are told', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  await bob.say(carol, 'hello');
  await carol.say(bob, 'hi');
  await bob.texts(carol, 2);
  await relay.emptied('carol');
  await Promise.all([alice.sleep(), carol.sleep()]);
  await bob.say(alice, 'for Alice');
  await bob.say(carol, 'for Carol');
  await bob.hasSent(alice, 'for Alice');
  await bob.hasSent(carol, 'for Carol');
  const [hers, theirs] = [heldFor(relay, 'alice'), heldFor(relay, 'carol')];
  renumber(relay, 'alice', theirs);
  renumber(relay, 'carol', hers);
  await Promise.all([alice.wake(), carol.wake()]);
  for (const person of [alice, carol]) {
    await person.sees(bob, (list) => causesOf(list).length > 0);
    await relay.emptied(person.name);
    await bob.say(person, 'after');
    const list = await person.sees(bob, (messages) => messages.some(({ text }) => text === 'after'));
    expect(new Set(kindsOf(list))).toEqual(new Set(['hello', 'hi', 'undecryptable', 'after']));
    expect(new Set(causesOf(list))).toEqual(new Set(['bad-ciphertext']));
  }
});

test('delivered under another sender: not believed', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  await carol.say(alice, 'hello');
  await alice.texts(carol, 1);
  relay.onSubmit = (submit, from) => {
    if (from !== aciOfName('bob')) return null;
    void envelopeFrom(carol, submit.payloads[0] ?? new Uint8Array()).then((envelope) =>
      relay.inject('alice', envelope),
    );
    return 'lost';
  };
  await bob.say(alice, 'from bob, says carol');
  const list = await alice.sees(carol, (messages) => messages.length === 2);
  expect(causesOf(list)).toEqual(['bad-ciphertext']);
});

test('delivered as if by another device of its sender, or by Alice herself: not believed', async () => {
  const { relay, alice, bob } = await away('from my phone');
  const [one] = heldFor(relay, 'alice');
  if (!one) throw new Error('nothing was sent');
  const { user, device, registration } = await envelopeFrom(alice, new Uint8Array());
  renumber(relay, 'alice', [
    { ...one, device: 7 as Envelope['device'] },
    { ...one, user, device, registration },
    { ...one, user: aciOfName('nobody') },
  ]);
  await alice.wake();
  await relay.emptied('alice');
  const list = await alice.sees(bob, (messages) => messages.length === 3);
  expect(kindsOf(list).slice(2)).toEqual(['undecryptable']);
  expect(causesOf(list)).toEqual(['no-session']);
  const kept = await alice.vault.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  expect(kept.map(({ cause }) => cause)).toEqual(['no-session', 'no-session', 'no-session']);
  // What is said to come from herself belongs to no conversation: a notice of the device tells of it, until she has seen it.
  const notices = await until(alice.client.notices, ({ length }) => length > 0);
  expect(notices).toMatchObject([{ code: 'own-copy-unreadable', text: NOTICES['own-copy-unreadable'] }]);
  await alice.client.dismiss('own-copy-unreadable');
  await until(alice.client.notices, ({ length }) => length === 0);
});

test.each<[string, Uint8Array, string]>([
  ['random bytes', Uint8Array.from({ length: 400 }, (_, i) => (i * 7) & 0xff), 'malformed-envelope'],
  ['a truncated whisper message', Uint8Array.of(2, 0x44, 10), 'bad-ciphertext'],
  ['a truncated PreKey message', Uint8Array.of(3, 0x44, 10), 'bad-ciphertext'],
  ['one byte', Uint8Array.of(2), 'bad-ciphertext'],
  ['the largest whisper message there can be, all zeros', new Uint8Array(98_304).fill(2, 0, 1), 'bad-ciphertext'],
  ['the largest PreKey message there can be, all zeros', new Uint8Array(98_304).fill(3, 0, 1), 'bad-ciphertext'],
])('%s in the mailbox become a notice with a cause, and the sealed bytes are kept', async (_, payload, cause) => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  relay.inject('alice', await envelopeFrom(bob, payload));
  expect(causesOf(await alice.sees(bob, (messages) => messages.length === 3))).toEqual([cause]);
  await relay.emptied('alice');
  const [kept] = await alice.vault.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  expect(kept).toMatchObject({ cause, payload });
});

test('an envelope left out of the numbers: nothing behind it is taken until it comes', async () => {
  const { relay, alice, bob } = await aliceAndBobTalkingOn(new LyingRelay());
  let skips = true;
  relay.deliver = (deliver) => (skips ? { ...deliver, envelopes: deliver.envelopes.slice(1) } : deliver);
  await alice.sleep();
  await bob.say(alice, 'one');
  await bob.say(alice, 'two');
  await bob.hasSent(alice, 'two');
  await alice.wake();
  // The socket is closed, and the same is asked for again.
  await alice.status((status) => status.state === 'offline' && status.code === 'internal');
  expect(await alice.texts(bob, 2)).toEqual(['hello', 'hi']);
  skips = false;
  expect(await alice.texts(bob, 4)).toEqual(['hello', 'hi', 'one', 'two']);
});

test('withheld: the next message shows it; the last message of all is missed by nobody', async () => {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBobTalking({ clock });
  relay.tamper = (payload, { user }, from) =>
    from === aciOfName('bob') && user === aciOfName('alice') ? null : payload;
  await bob.say(alice, 'withheld');
  await bob.hasSent(alice, 'withheld');
  clock.advance(24 * HOUR_MS);
  await relay.emptied('alice');
  expect(kindsOf(await alice.sees(bob, ({ length }) => length > 0))).toEqual(['hello', 'hi']);
  relay.tamper = (payload) => payload;
  await bob.say(alice, 'after');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'after'));
  const list = await passUntil(
    clock,
    alice.sees(bob, (messages) => messages.length === 4 && isText(messages)),
  );
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'withheld', 'after']);
});

test('everything damaged, for hours: nobody asks for ever', async () => {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBobTalking({ clock });
  let submits = 0;
  relay.tamper = (payload) => (submits++, damaged(payload));
  await alice.say(bob, 'never readable');
  await bob.sees(alice, (list) => list.some(({ kind }) => kind === 'undecryptable'));
  for (let hours = 0; hours < 12; hours++) {
    clock.advance(HOUR_MS);
    await relay.emptied('alice');
    await relay.emptied('bob');
    await new Promise((resolve) => setImmediate(resolve));
  }
  // The message, and three requests in each direction.
  expect(submits).toBeLessThanOrEqual(7);
  relay.tamper = (payload) => payload;
  await alice.say(bob, 'readable');
  const list = await bob.sees(alice, (all) => all.some(({ text }) => text === 'never readable'));
  expect(kindsOf(list)).toContain('readable');
});
