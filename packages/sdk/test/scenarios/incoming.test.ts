import { expect, test } from 'vitest';

import { directConversationId } from '../../src/content/content.js';
import { aciOfName } from '../support/fake-relay.js';
import { aliceAndBob, type Person } from '../support/person.js';

test('a bot answers each message once, in order, and the sender sees that it was read', async () => {
  const { alice, bob: bot } = await aliceAndBob();
  const running = (async () => {
    for await (const { conversation, message } of bot.client.incoming())
      await conversation.send(`echo ${message.text}`);
  })();
  for (const text of ['one', 'two', 'three']) await alice.say(bot, text);
  const messages = await alice.sees(bot, (list) => list.filter(({ mine }) => !mine).length === 3);
  expect(messages.filter(({ mine }) => !mine).map(({ text }) => text)).toEqual(['echo one', 'echo two', 'echo three']);
  await alice.sees(bot, (list) =>
    list.filter(({ mine }) => mine).every((one) => one.kind === 'text' && one.status === 'read'),
  );
  await bot.client.close();
  await running;
});

test('what a bot had not finished comes again; what it had finished does not', async () => {
  const { alice, bob: bot } = await aliceAndBob();
  await alice.say(bot, 'first');
  await alice.say(bot, 'second');
  await bot.texts(alice, 2);
  const seen: string[] = [];
  // Ends while it works on the second: as a crash would.
  for await (const { message } of bot.client.incoming()) if (seen.push(message.text) === 2) break;
  for await (const { message } of bot.client.incoming()) if (seen.push(message.text) === 3) break;
  expect(seen).toEqual(['first', 'second', 'second']);
});

test('messages that wait in a conversation of long ago are found', async () => {
  const { alice, bob: bot } = await aliceAndBob();
  await alice.say(bot, 'old');
  await bot.texts(alice, 1);
  await bot.history.write(['conversations'], async (transaction) => {
    for (let i = 0; i < 250; i++) {
      const id = `newer-${String(i).padStart(16, '0')}`;
      const [known] = await transaction.range('conversations', { limit: 1 });
      if (known)
        await transaction.put('conversations', { ...known, id, peer: `p${i}`, activity: known.activity + i + 1 });
    }
  });
  for await (const { message } of bot.client.incoming()) {
    expect(message.text).toBe('old');
    break;
  }
});

test('a message in any of many conversations is found while the bot waits', async () => {
  const { alice, bob: bot } = await aliceAndBob();
  await alice.say(bot, 'the first');
  await bot.texts(alice, 1);
  const seen = new Set<string>();
  const all = (async () => {
    for await (const { conversation } of bot.client.incoming()) {
      // All at once, when the loop has gone through everything there was, and with the activity of long ago.
      if (seen.size === 0) void writeInMany(bot, 150);
      if (seen.add(conversation.user).size === 151) return;
    }
  })();
  await all;
});

async function writeInMany(bot: Person, count: number): Promise<void> {
  await bot.history.write(['conversations', 'messages'], async (transaction) => {
    const [known] = await transaction.range('conversations', { limit: 1 });
    const [message] = await transaction.range('messages', { limit: 1 });
    if (!known || !message) throw new Error('nothing to copy');
    for (let i = 0; i < count; i++) {
      const peer = `peer-${i}`;
      const id = directConversationId(aciOfName('bob'), aciOfName(peer));
      await transaction.put('conversations', { ...known, id, peer, peerAci: aciOfName(peer), activity: i });
      await transaction.put('messages', { ...message, conversation: id, user: aciOfName(peer), unread: 1, hlc: i + 1 });
    }
  });
}
