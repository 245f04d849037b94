import { startRelay, type Relay } from '@sotto/relay';
import { TEST_APP } from '@sotto/relay/testing';
import { mintToken } from '@sotto/relay/token';
import { createClient, type Message, type SottoClient } from '@sotto/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay({
    host: '127.0.0.1',
    port: 0,
    memory: true,
    apps: [{ ...TEST_APP, origins: [] }],
    logLevel: 'silent',
  });
});
afterAll(() => relay.close());

const open = (user: string): Promise<SottoClient> =>
  createClient({
    relay: relay.url,
    app: TEST_APP.id,
    user,
    token: () => mintToken({ app: TEST_APP.id, user, key: TEST_APP.secret }),
  });

/** Resolves when the conversation holds `count` messages. */
function messages(client: SottoClient, from: string, count: number): Promise<readonly Message[]> {
  return new Promise((resolve) => {
    const stop = client.direct(from).messages.subscribe((list) => {
      if (list.length < count) return;
      resolve(list);
      queueMicrotask(() => {
        stop();
      });
    });
  });
}

test('the same client runs in Node with stores in memory: a bot answers a person', async () => {
  const [bot, alice] = await Promise.all([open('bot'), open('alice')]);
  bot.direct('alice').messages.subscribe((list) => {
    const last = list.at(-1);
    if (last?.kind === 'text' && !last.mine) void bot.direct('alice').send(`you said: ${last.text}`);
  });
  await alice.direct('bot').send('hello');
  const [question, answer] = await messages(alice, 'bot', 2);
  expect([question?.text, answer?.text]).toEqual(['hello', 'you said: hello']);
  await Promise.all([bot.close(), alice.close()]);
  expect(alice.connection.get()).toEqual({ state: 'closed' });
  await expect(alice.direct('bot').send('too late')).rejects.toMatchObject({ name: 'SottoError', code: 'closed' });
});
