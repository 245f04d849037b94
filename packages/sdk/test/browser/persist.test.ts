import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createClient, type SottoClient } from '../../src/index.js';

/** What the browser is asked, and what it answers. */
const persisted = vi.fn<() => Promise<boolean>>();
const persist = vi.fn<() => Promise<boolean>>();

let client: SottoClient;
beforeEach(async () => {
  vi.spyOn(navigator.storage, 'persisted').mockImplementation(persisted.mockReset().mockResolvedValue(false));
  vi.spyOn(navigator.storage, 'persist').mockImplementation(persist.mockReset().mockResolvedValue(true));
  client = await createClient({
    relay: location.origin,
    app: 'test',
    user: `alice-${crypto.randomUUID()}`,
    token: () => Promise.reject(new Error('nobody is logged in')),
  });
});
afterEach(async () => {
  await client.destroy();
  vi.restoreAllMocks();
});

const bob = () => client.direct('bob');

/** Everything in the history, as the screen shows it. */
async function shown(): Promise<string[]> {
  const { conversations } = JSON.parse(await new Response(client.export()).text()) as {
    conversations: { messages: { text: string }[] }[];
  };
  return conversations.flatMap(({ messages }) => messages.map(({ text }) => text));
}

test('opening, reading and looking around ask for nothing; the first message of a tab does, once', async () => {
  const unsubscribe = bob().messages.subscribe(() => undefined);
  client.conversations.subscribe(() => undefined);
  await client.storage();
  await client.setPresence('invisible');
  await expect(bob().send('')).rejects.toMatchObject({ code: 'text-empty' });
  expect(persist).not.toHaveBeenCalled();
  await bob().send('worth keeping');
  await vi.waitFor(() => expect(persist).toHaveBeenCalledTimes(1));
  await bob().send('and this');
  await client.direct('carol').send('and that');
  expect(persist).toHaveBeenCalledTimes(1);
  unsubscribe();
});

test('a browser that has promised already is not asked again', async () => {
  persisted.mockResolvedValue(true);
  await bob().send('kept anyway');
  await vi.waitFor(() => expect(persisted).toHaveBeenCalled());
  await bob().send('another');
  expect(persist).not.toHaveBeenCalled();
});

test.each([
  ['refuses', () => persist.mockResolvedValue(false), persist],
  ['fails to promise', () => persist.mockRejectedValue(new TypeError('not here')), persist],
  ['fails to say what it has promised', () => persisted.mockRejectedValue(new TypeError('not here')), persisted],
])('a browser that %s harms nothing', async (_, answer, asked) => {
  const unhandled = vi.fn();
  addEventListener('unhandledrejection', unhandled);
  answer();
  await bob().send('one');
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  await bob().send('two');
  expect(await shown()).toEqual(['one', 'two']);
  // An unhandled rejection is told in a task of its own, before this one.
  await new Promise((resolve) => setTimeout(resolve));
  expect(unhandled).not.toHaveBeenCalled();
  removeEventListener('unhandledrejection', unhandled);
});
