import { expect, test } from 'vitest';

import type { Content } from '../../../src/content/content.js';
import { FakeRelay } from '../../support/fake-relay.js';
import { honestContent, plaintextOf, sendForged } from '../../support/forge.js';
import { Person } from '../../support/person.js';
import { causesOf } from '../../support/shown.js';

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
  expect(causesOf(seen)).toEqual([cause]);
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
  ['nothing but deep nesting', plaintextOf('['.repeat(30_000) + ']'.repeat(30_000))],
])('a content with %s is malformed', async (_, plaintext) => {
  const { alice, bob } = await cast();
  await sendForged(bob, alice, plaintext);
  expect(causesOf(await alice.sees(bob, (messages) => messages.length === 3))).toEqual(['malformed-content']);
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
