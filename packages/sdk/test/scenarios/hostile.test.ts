import { expect, test } from 'vitest';

import type { Content } from '../../src/content/content.js';
import { pad } from '../../src/content/padding.js';
import type { Message } from '../../src/index.js';
import { FakeRelay, aciOfName } from '../support/fake-relay.js';
import { envelopeFrom, honestContent, sendForged } from '../support/forge.js';
import { aliceAndBob, Person, until } from '../support/person.js';

/** Alice and Bob know each other; Bob sleeps, so that his sessions can be abused. Carol has written to Alice as well. */
async function cast(): Promise<{ relay: FakeRelay; alice: Person; bob: Person; carol: Person }> {
  const relay = new FakeRelay();
  const [alice, bob, carol] = await Promise.all(
    ['alice', 'bob', 'carol'].map((name) => new Person(name, relay).wake()),
  );
  if (!alice || !bob || !carol) throw new Error('incomplete cast');
  await Promise.all([alice.online(), bob.online(), carol.online()]);
  await bob.say(alice, 'hello');
  await carol.say(alice, 'hello');
  await alice.texts(bob, 1);
  await alice.texts(carol, 1);
  await alice.say(bob, 'hi');
  await bob.texts(alice, 2);
  await bob.sees(alice, (messages) => messages.length === 2);
  await bob.sleep();
  return { relay, alice, bob, carol };
}

const causes = (messages: readonly Message[]): string[] =>
  messages.flatMap((one) => (one.kind === 'undecryptable' ? [one.cause] : []));

test.each<[string, (content: Content) => object, string]>([
  ['another app', (content) => ({ ...content, app: 'other' }), 'header-mismatch'],
  ['another sender', (content) => ({ ...content, from: { ...content.from, user: 'carol' } }), 'header-mismatch'],
  [
    'another device of the sender',
    (content) => ({ ...content, from: { ...content.from, device: 9 } }),
    'header-mismatch',
  ],
  ['another recipient', (content) => ({ ...content, to: { ...content.to, user: 'carol' } }), 'header-mismatch'],
  ['an old registration', (content) => ({ ...content, to: { ...content.to, registration: 999 } }), 'header-mismatch'],
  ['a foreign conversation', (content) => ({ ...content, conversation: 'A'.repeat(22) }), 'header-mismatch'],
  ['a peer, as if from an own device', (content) => ({ ...content, peer: 'carol' }), 'header-mismatch'],
  ['a clock of the year 144,000', (content) => ({ ...content, hlc: 2 ** 52 }), 'malformed-content'],
  ['a clock two days ahead', (content) => ({ ...content, hlc: Date.now() + 2 * 86_400_000 }), 'malformed-content'],
  ['a clock that is no integer', (content) => ({ ...content, hlc: 0.5 }), 'malformed-content'],
  ['an empty text', (content) => ({ ...content, body: { text: '' } }), 'malformed-content'],
  ['a text that is no text', (content) => ({ ...content, body: { text: { toString: 1 } } }), 'malformed-content'],
  ['no body', (content) => ({ ...content, body: undefined }), 'malformed-content'],
  ['another format version', (content) => ({ ...content, v: 2 }), 'malformed-content'],
])('a contact that claims %s is caught, and later messages still arrive', async (_, bend, cause) => {
  const { alice, bob, carol } = await cast();
  await sendForged(bob, alice, bend(await honestContent(bob, alice)));
  const seen = await alice.sees(bob, (messages) => messages.length === 3);
  expect(causes(seen)).toEqual([cause]);
  expect(await alice.texts(carol, 1)).toEqual(['hello']);
  await bob.wake();
  await bob.say(alice, 'it was not me');
  await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'it was not me'));
});

test('an honest content made by hand is accepted: the checks above fail for what they test', async () => {
  const { alice, bob } = await cast();
  await sendForged(bob, alice, await honestContent(bob, alice));
  expect(await alice.texts(bob, 3)).toContain('forged');
});

test.each<[string, Uint8Array]>([
  ['no padding', new Uint8Array(256)],
  ['padding inside', Uint8Array.of(0x7b, 0x7d, 0x80, 1, 0)],
  ['broken UTF-8', Uint8Array.of(0xff, 0xfe, 0x80)],
  ['nothing', Uint8Array.of(0x80)],
  ['nothing but deep nesting', pad(new TextEncoder().encode('['.repeat(30_000) + ']'.repeat(30_000)))],
])('a content with %s is malformed', async (_, plaintext) => {
  const { alice, bob } = await cast();
  await sendForged(bob, alice, plaintext);
  expect(causes(await alice.sees(bob, (messages) => messages.length === 3))).toEqual(['malformed-content']);
});

test('a kind of a later version is kept and shown with its fallback', async () => {
  const { alice, bob } = await cast();
  const content = await honestContent(bob, alice);
  await sendForged(bob, alice, {
    ...content,
    kind: 'sticker',
    fallback: 'a sticker',
    body: { future: [1, { deep: true }] },
    more: 1,
  });
  const messages = await alice.sees(bob, (list) => list.length === 3);
  expect(messages.find(({ kind }) => kind === 'unknown')).toMatchObject({ text: 'a sticker' });
  const rows = await alice.history.read(['messages'], (transaction) => transaction.range('messages'));
  const kept = rows.find(({ body }) => body.kind === 'content' && body.type === 'sticker')?.body;
  expect(kept?.kind === 'content' && JSON.parse(kept.raw ?? '')).toMatchObject({
    body: { future: [1, { deep: true }] },
    more: 1,
  });
});

test('a repeated ciphertext is acknowledged and shown once', async () => {
  const { relay, alice, bob } = await cast();
  await bob.wake();
  let copy: Uint8Array | undefined;
  relay.onSubmit = (submit, from) => {
    if (from === aciOfName('bob')) copy ??= submit.payloads[0];
    return null;
  };
  await bob.say(alice, 'only once');
  await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'only once'));
  if (!copy) throw new Error('nothing was submitted');
  relay.inject('alice', await envelopeFrom(bob, copy));
  await relay.emptied('alice');
  await bob.say(alice, 'after');
  const texts = (await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'after'))).map(
    ({ text }) => text,
  );
  expect(texts.filter((text) => text === 'only once')).toHaveLength(1);
  expect(texts.length).toBe(4);
});

test('an envelope delivered under another sender is not believed', async () => {
  const { relay, alice, bob, carol } = await cast();
  await bob.wake();
  relay.onSubmit = (submit, from) => {
    if (from !== aciOfName('bob')) return null;
    void envelopeFrom(carol, submit.payloads[0] ?? new Uint8Array()).then((envelope) =>
      relay.inject('alice', envelope),
    );
    return 'lost';
  };
  await bob.say(alice, 'from bob, says carol');
  expect(causes(await alice.sees(carol, (messages) => messages.length === 2))).toEqual(['bad-ciphertext']);
});

test.each<[string, Uint8Array, string]>([
  ['random bytes', Uint8Array.from({ length: 400 }, (_, i) => (i * 7) & 0xff), 'malformed-envelope'],
  ['a truncated whisper message', Uint8Array.of(2, 0x44, 10), 'bad-ciphertext'],
  ['a truncated PreKey message', Uint8Array.of(3, 0x44, 10), 'bad-ciphertext'],
  ['one byte', Uint8Array.of(2), 'bad-ciphertext'],
])('%s in the mailbox become a notice with a cause, and the sealed bytes are kept', async (_, payload, cause) => {
  const { relay, alice, bob } = await cast();
  relay.inject('alice', await envelopeFrom(bob, payload));
  expect(causes(await alice.sees(bob, (messages) => messages.length === 3))).toEqual([cause]);
  await relay.emptied('alice');
  const [kept] = await alice.vault.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  expect(kept).toMatchObject({ cause, payload });
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

test('Bob starts afresh on a new device: Alice sees that his identity changed, and can go on writing', async () => {
  const { relay, alice, bob } = await cast();
  relay.users.delete(aciOfName('bob'));
  const newBob = await new Person('bob', relay).wake();
  await newBob.online();
  await newBob.say(alice, 'new phone');
  const messages = await alice.sees(bob, (list) => list.some(({ text }) => text === 'new phone'));
  expect(messages.filter(({ kind }) => kind === 'identity-changed')).toHaveLength(1);
  await alice.say(bob, 'who is this?');
  expect(await newBob.texts(alice, 2)).toContain('who is this?');
});

test('what was sealed for an identity that is gone is not sent to the new one by itself', async () => {
  const { relay, alice, bob } = await cast();
  relay.onSubmit = (_, from) => (from === aciOfName('alice') ? 'unavailable' : null);
  const submitted = new Promise<void>((resolve) => {
    relay.onSubmit = (_, from) => (from === aciOfName('alice') ? (resolve(), 'unavailable') : null);
  });
  await alice.say(bob, 'for the old Bob only');
  await submitted;
  await alice.sleep();
  relay.onSubmit = () => null;
  relay.users.delete(aciOfName('bob'));
  const newBob = await new Person('bob', relay).wake();
  await newBob.online();
  await alice.wake();
  const messages = await alice.sees(bob, (list) => list.some((one) => one.kind === 'text' && one.status === 'failed'));
  const failed = messages.find((one) => one.kind === 'text' && one.status === 'failed');
  expect(failed).toMatchObject({ failure: 'identity-changed', text: 'for the old Bob only' });
  await alice.client.direct('bob').retry(failed?.id ?? '');
  expect(await newBob.texts(alice, 1)).toEqual(['for the old Bob only']);
});

test('a token of another user signs out instead of mixing two people', async () => {
  const relay = new FakeRelay();
  const alice = new Person('alice', relay);
  relay.token = () => new FakeRelay().token('mallory');
  await alice.wake();
  expect(await until(alice.client.connection, ({ state }) => state !== 'connecting')).toEqual({
    state: 'signed-out',
    code: 'wrong-user',
  });
});

test('a second browser of a registered user needs a device, and reset makes it one', async () => {
  const { relay, alice } = await cast();
  await alice.sleep();
  const elsewhere = await new Person('alice', relay).wake();
  const connection = await until(elsewhere.client.connection, ({ state }) => state === 'needs-device');
  if (connection.state !== 'needs-device') throw new Error('unreachable');
  await connection.reset();
  await elsewhere.online();
});

test('a contact that calls a message of its own unreadable does not get it out of the history', async () => {
  const { alice, bob } = await cast();
  const first = await honestContent(bob, alice);
  await sendForged(bob, alice, first);
  await alice.texts(bob, 3);
  const second = { ...(await honestContent(bob, alice)), counter: 1001, resend: first.id, body: { text: 'instead' } };
  await sendForged(bob, alice, second);
  const texts = (await alice.sees(bob, (list) => list.some(({ text }) => text === 'instead'))).map(({ text }) => text);
  expect(texts).toContain('forged');
});
