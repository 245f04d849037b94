import * as s from '@sotto/protocol/schema';
import { expect, test } from 'vitest';

import { messageId } from '../../src/content/content.js';
import { Kinds, type ContentKind } from '../../src/content/kind.js';
import { readMark } from '../../src/content/kinds/read-mark.js';
import { receipt } from '../../src/content/kinds/receipt.js';
import { text } from '../../src/content/kinds/text.js';
import { DirectConversation } from '../../src/conversations/conversation.js';
import { parseMessageKey } from '../../src/conversations/to-message.js';
import { aciOfName } from '../support/fake-relay.js';
import { aliceAndBob, type Pair, type Person, until } from '../support/person.js';

/** Kinds that the SDK does not have: everything about them is declared here, and nothing anywhere else knows them. */
const reactionBody = s.looseObject({ to: messageId, emoji: s.string().check(s.maxLength(16)) });
const reaction: ContentKind<s.Infer<typeof reactionBody>> = {
  name: 'reaction',
  schema: reactionBody,
  shows: 'effect',
  to: { peer: true, ownDevices: true },
  receipted: false,
  resent: true,
  summary: () => null,
  shares: ({ to, emoji }, { self }) => [{ of: { user: self, id: to }, part: { emoji } }],
  // The last word of each user counts.
  change: ({ note }, part, { user, hlc }) => {
    const before = (note ?? {}) as Record<string, { hlc: number }>;
    return (before[user]?.hlc ?? 0) >= hlc ? null : { note: { ...before, [user]: { ...part, hlc } } };
  },
};

const pollBody = s.looseObject({ question: s.string() });
const silentPoll: ContentKind<s.Infer<typeof pollBody>> = {
  name: 'poll',
  schema: pollBody,
  shows: 'message',
  to: { peer: true, ownDevices: true },
  receipted: true,
  resent: true,
  summary: ({ question }) => `Poll: ${question}`,
};
const poll: typeof silentPoll = {
  ...silentPoll,
  fallback: ({ question }) => `${question} (a poll; answer in a newer version)`,
};

const kinds = new Kinds([text, receipt, readMark, reaction, poll]);

/** A version before reaction and poll. */
const olderKinds = new Kinds([text, receipt, readMark]);

const pair = (bobs: Kinds = kinds): Promise<Pair> => aliceAndBob({ kinds, bob: { kinds: bobs } });

const talk = (from: Person, to: Person): DirectConversation => {
  const conversation = from.client.direct(to.name);
  if (!(conversation instanceof DirectConversation)) throw new Error('another implementation');
  return conversation;
};

const notesOf = (person: Person, id: string): Promise<unknown> =>
  person.history.read(['messages'], async (transaction) => {
    const rows = await transaction.range('messages');
    return rows.find((row) => row.id === id)?.notes['reaction'];
  });

test('an effect of a kind that was only declared goes from one to the other and stands with its message', async () => {
  const { relay, alice, bob } = await pair();
  await alice.say(bob, 'hello');
  const [message] = await bob.sees(alice, ({ length }) => length === 1);
  const { id } = parseMessageKey(message?.id ?? '') ?? { id: '' };
  await talk(bob, alice).sendEffect(reaction, { to: id, emoji: '👍' });
  await bob.say(alice, 'done');
  await alice.texts(bob, 2);
  await talk(bob, alice).sendEffect(reaction, { to: id, emoji: '🎉' });
  await bob.say(alice, 'changed my mind');
  await alice.texts(bob, 3);
  await relay.emptied('alice');
  expect(await notesOf(alice, id)).toMatchObject({ [aciOfName('bob')]: { emoji: '🎉' } });
});

test('an effect that comes before its message waits for it', async () => {
  const { relay, alice, bob } = await pair();
  await alice.say(bob, 'hello');
  const [message] = await bob.sees(alice, ({ length }) => length === 1);
  const { id } = parseMessageKey(message?.id ?? '') ?? { id: '' };
  const row = await alice.history.write(['messages'], async (transaction) => {
    const [found] = await transaction.range('messages');
    if (found) await transaction.delete('messages', [found.conversation, found.user, found.id, found.device]);
    return found;
  });
  await talk(bob, alice).sendEffect(reaction, { to: id, emoji: '👍' });
  await bob.say(alice, 'done');
  await alice.texts(bob, 1);
  await relay.emptied('alice');
  const waiting = await alice.history.read(['waitingEffects'], (transaction) => transaction.range('waitingEffects'));
  expect(waiting.filter(({ kind }) => kind === 'reaction')).toMatchObject([
    { id: row?.id, kind: 'reaction', part: { emoji: '👍' } },
  ]);
});

test('a message of a kind that was only declared is shown, summarised, receipted; an older version shows its fallback', async () => {
  const { alice, bob } = await pair(olderKinds);
  await talk(alice, bob).sendMessage(poll, { question: 'Lunch?' });
  const [seen] = await bob.sees(alice, ({ length }) => length === 1);
  expect(seen).toMatchObject({ kind: 'unknown', text: 'Lunch? (a poll; answer in a newer version)' });
  const [mine] = await alice.sees(bob, ([first]) => first?.kind === 'content' && first.status === 'delivered');
  expect(mine).toMatchObject({ type: 'poll', data: { question: 'Lunch?' }, text: 'Poll: Lunch?' });
  const list = await until(alice.client.conversations, ([first]) => first?.last !== undefined);
  expect(list[0]?.last?.text).toBe('Poll: Lunch?');
});

/** Bob, who has said "hello", has an older version: he sees that something needs a newer one. */
async function reactedTo(times: number): Promise<{ alice: Person; bob: Person; id: string }> {
  const { relay, alice, bob } = await pair(olderKinds);
  await bob.say(alice, 'hello');
  const [message] = await alice.sees(bob, ({ length }) => length === 1);
  const { id } = parseMessageKey(message?.id ?? '') ?? { id: '' };
  for (let i = 1; i <= times; i++) await talk(alice, bob).sendEffect(reaction, { to: id, emoji: `${i}` });
  await alice.say(bob, 'done');
  await bob.sees(alice, (list) => list.some((one) => one.text === 'done'));
  await relay.emptied('bob');
  return { alice, bob, id };
}

const kept = ({ history }: Person): Promise<number> =>
  history.read(['unknown'], (transaction) => transaction.count('unknown'));

test('an effect that came before its kind was known takes effect in the version that knows it, and its placeholder goes', async () => {
  const { alice, bob, id } = await reactedTo(1);
  const before = await bob.sees(alice, ({ length }) => length === 3);
  expect(before.map((one) => [one.kind, one.text])).toEqual([
    ['text', 'hello'],
    ['unknown', 'This message needs a newer version of the app.'],
    ['text', 'done'],
  ]);
  const newer = await bob.updated(kinds);
  expect((await newer.sees(alice, ({ length }) => length === 2)).map(({ text }) => text)).toEqual(['hello', 'done']);
  expect(await notesOf(newer, id)).toMatchObject({ [aciOfName('alice')]: { emoji: '1' } });
  const [conversation] = await until(newer.client.conversations, ([first]) => first?.unread === 1);
  expect(conversation?.last?.text).toBe('done');
  expect(await kept(newer)).toBe(0);
});

test('many effects that waited for their kind take effect, each once, whichever engine gets how far', async () => {
  const { alice, bob, id } = await reactedTo(130);
  expect(await kept(bob)).toBe(130);
  // This one is ended wherever it is.
  const first = await bob.updated(kinds);
  const newer = await first.updated(kinds);
  await newer.sees(alice, ({ length }) => length === 2);
  expect(await notesOf(newer, id)).toMatchObject({ [aciOfName('alice')]: { emoji: '130' } });
  expect(await kept(newer)).toBe(0);
});

test('a message that came before its kind was known is shown as what it is in the version that knows it', async () => {
  const { alice, bob } = await aliceAndBob({
    kinds: new Kinds([text, receipt, silentPoll]),
    bob: { kinds: olderKinds },
  });
  await talk(alice, bob).sendMessage(silentPoll, { question: 'Lunch?' });
  const [seen] = await bob.sees(alice, ({ length }) => length === 1);
  expect(seen).toMatchObject({ kind: 'unknown', text: 'This message needs a newer version of the app.', unread: true });
  const newer = await bob.updated(kinds);
  const [shown] = await newer.sees(alice, ({ length }) => length === 1);
  expect(shown).toMatchObject({ kind: 'content', type: 'poll', data: { question: 'Lunch?' }, text: 'Poll: Lunch?' });
  expect(shown?.unread).toBe(true);
});

test('what is kept of a kind that is still unknown goes on waiting', async () => {
  const { alice, bob } = await reactedTo(1);
  const same = await bob.updated(olderKinds);
  await same.online();
  await alice.say(same, 'more');
  const list = await same.sees(alice, (all) => all.some((one) => one.text === 'more'));
  expect(list.map(({ kind }) => kind)).toEqual(['text', 'unknown', 'text', 'text']);
  expect(await kept(same)).toBe(1);
});
