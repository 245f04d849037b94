import { expect, test } from 'vitest';

import type { Content } from '../../../src/content/content.js';
import { honestContent, plaintextOf, sendForged } from '../../support/forge.js';
import { aliceAndBobTalking, type Pair, Person, until } from '../../support/person.js';
import { causesOf, kindsOf } from '../../support/shown.js';

/** Bob's engine sleeps, so that his sessions can be abused. */
async function pair(): Promise<Pair> {
  const two = await aliceAndBobTalking();
  await two.bob.sleep();
  return two;
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** A content whose body is this JSON, as it stands. */
async function withBody(from: Person, to: Person, kind: string, json: string): Promise<Uint8Array> {
  const content = JSON.stringify({ ...(await honestContent(from, to)), kind, body: 0 });
  return plaintextOf(content.replace('"body":0', `"body":${json}`));
}

/** The conversation still works, and so does everything that reads it. */
async function goesOn({ relay, alice, bob }: Pair): Promise<void> {
  await relay.emptied('alice');
  await bob.wake();
  await bob.say(alice, 'after all that');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'after all that'));
  await alice.say(bob, 'still here');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'still here'));
  expect(await new Response(alice.client.export()).text()).toContain('after all that');
}

test.each<[string, string, string]>([
  ['a text, with more beside it', 'text', `{"text":"hi","more":${nested(30_000)}}`],
  ['an unknown kind', 'sticker', `{"deep":${nested(30_000)}}`],
  ['objects in an unknown kind', 'sticker', `{"deep":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`],
])('deep nesting in %s is malformed: no database and no export has to follow it', async (_, kind, json) => {
  const two = await pair();
  const { alice, bob } = two;
  await sendForged(bob, alice, await withBody(bob, alice, kind, json));
  expect(causesOf(await alice.sees(bob, ({ length }) => length === 3))).toEqual(['malformed-content']);
  await goesOn(two);
});

test('what looks like nesting inside a text is a text, and some nesting is allowed', async () => {
  const two = await pair();
  const { alice, bob } = two;
  const text = `${nested(5_000)}"\\"[{`;
  await sendForged(bob, alice, { ...(await honestContent(bob, alice)), body: { text } });
  await sendForged(bob, alice, await withBody(bob, alice, 'sticker', `{"deep":${nested(20)}}`));
  const list = await alice.sees(bob, ({ length }) => length === 4);
  expect(list.map(({ text }) => text)).toContain(text);
  expect(causesOf(list)).toEqual([]);
});

test.each<[string, string]>([
  ['__proto__', '{"text":"hi","__proto__":{"polluted":1}}'],
  ['constructor', '{"text":"hi","constructor":{"prototype":{"polluted":1}}}'],
  ['toString', '{"text":"hi","toString":1,"valueOf":null,"hasOwnProperty":0}'],
])('a field called %s is a field like any other', async (_, json) => {
  const two = await pair();
  await sendForged(two.bob, two.alice, await withBody(two.bob, two.alice, 'text', json));
  const list = await two.alice.sees(two.bob, ({ length }) => length === 3);
  expect(kindsOf(list).sort()).toEqual(['hello', 'hi', 'hi']);
  expect('polluted' in {}).toBe(false);
  await goesOn(two);
});

test.each<[string, (content: Content) => object]>([
  ['a text of more bytes than there may be', (content) => ({ ...content, body: { text: 'x'.repeat(40_000) } })],
  ['a fallback of a page', (content) => ({ ...content, kind: 'sticker', fallback: 'x'.repeat(1_001) })],
  ['a name of a page', (content) => ({ ...content, from: { ...content.from, user: 'x'.repeat(300) } })],
  ['a kind that is a sentence', (content) => ({ ...content, kind: 'a kind of its own' })],
  ['a kind that is called like a part of every object', (content) => ({ ...content, kind: 'constructor', body: [] })],
  ['a receipt of a thousand', (content) => ({ ...content, kind: 'receipt', body: { type: 'read', ids: ids(1_000) } })],
  ['a receipt of nothing', (content) => ({ ...content, kind: 'receipt', body: { type: 'read', ids: [] } })],
  ['a request for a thousand', (content) => ({ ...content, kind: 'resend-request', body: asking(1_000) })],
  ['a counter beyond all counters', (content) => ({ ...content, counter: 2 ** 60 })],
])('%s is malformed', async (_, bend) => {
  const { alice, bob } = await pair();
  await sendForged(bob, alice, bend(await honestContent(bob, alice)));
  expect(causesOf(await alice.sees(bob, ({ length }) => length === 3))).toEqual(['malformed-content']);
});

test('kinds for own devices only do nothing in a contact’s hand', async () => {
  const two = await pair();
  const { relay, alice, bob } = two;
  await alice.sees(bob, (list) => list.some(({ unread }) => unread));
  const devices = await until(alice.client.devices, ({ length }) => length > 0);
  const marks = await alice.history.read(['identities'], (transaction) => transaction.range('identities'));
  const content = await honestContent(bob, alice);
  await sendForged(bob, alice, { ...content, kind: 'read-mark', body: { ids: [content.id] } });
  await sendForged(bob, alice, { ...content, counter: 1_001, kind: 'device-name', body: { name: 'Mine' } });
  await relay.emptied('alice');
  expect((await alice.sees(bob, ({ length }) => length === 2)).some(({ unread }) => unread)).toBe(true);
  expect(alice.client.devices.get()).toEqual(devices);
  expect(await alice.history.read(['identities'], (transaction) => transaction.range('identities'))).toEqual(marks);
});

test('effects on messages of another conversation do nothing', async () => {
  const two = await pair();
  const { relay, alice, bob } = two;
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  await alice.say(carol, 'for Carol');
  await carol.sleep();
  const [sent] = await alice.history.read(['messages'], async (transaction) =>
    (await transaction.range('messages')).filter((row) => JSON.stringify(row.body).includes('for Carol')),
  );
  if (!sent) throw new Error('nothing was sent');
  await alice.hasSent(carol, 'for Carol');
  await relay.emptied('alice');
  const content = await honestContent(bob, alice);
  await sendForged(bob, alice, { ...content, kind: 'receipt', body: { type: 'read', ids: [sent.id] } });
  await sendForged(bob, alice, { ...content, counter: 1_001, resend: sent.id });
  await relay.emptied('alice');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'forged'));
  const [message] = await alice.sees(carol, ({ length }) => length === 1);
  expect(message).toMatchObject({ text: 'for Carol' });
  expect(['sent', 'delivered']).toContain(message && 'status' in message ? message.status : null);
});

test('a message of another’s id takes nobody’s place', async () => {
  const { alice, bob } = await pair();
  const rows = await alice.history.read(['messages'], (transaction) => transaction.range('messages'));
  for (const [i, { id }] of rows.entries())
    await sendForged(bob, alice, { ...(await honestContent(bob, alice)), id, counter: 1_000 + i });
  const list = await alice.sees(bob, ({ length }) => length === 3);
  // Alice's own message stays, beside Bob's of the same id; his own earlier one is not overwritten.
  expect(kindsOf(list).sort()).toEqual(['forged', 'hello', 'hi']);
});

test.each<[string, number]>([
  ['the very first', 1],
  ['as far ahead as may be', Date.now() + 86_400_000 - 60_000],
])('a position at the end: %s', async (_, hlc) => {
  const two = await pair();
  const { alice, bob } = two;
  await sendForged(bob, alice, { ...(await honestContent(bob, alice)), hlc });
  const list = kindsOf(await alice.sees(bob, ({ length }) => length === 3));
  expect(list.indexOf('forged')).toBe(hlc === 1 ? 0 : 2);
  await goesOn(two);
});

const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(String(i).padStart(16, '0')).toString('base64url'));
const asking = (count: number): object => ({ envelopes: ids(count), counters: [] });
