import { expect, test } from 'vitest';

import type { Message } from '@sotto/sdk';

import { field, find, nextFrame, openStage, root, texts } from './harness.js';

const MINUTE = 60_000;

test('Alice sees both sides of the conversation, in order, with day separators', async () => {
  const noon = new Date().setHours(12, 0, 0, 0);
  const yesterday = new Date(noon);
  yesterday.setDate(yesterday.getDate() - 1);
  const { chat } = await openStage((withBob) => {
    withBob.append(
      withBob.theirs('hello', yesterday.getTime(), false),
      withBob.mine('hi Bob', 'read', yesterday.getTime() + MINUTE),
      withBob.theirs('good morning', noon, false),
    );
  });

  expect(texts(chat, '.text')).toEqual(['hello', 'hi Bob', 'good morning']);
  expect(texts(chat, '.day')).toEqual(['Yesterday', 'Today']);
});

test('consecutive messages form a group whose last one shows the time', async () => {
  const at = new Date().setHours(12, 0, 0, 0);
  const { chat } = await openStage((withBob) => {
    withBob.append(
      withBob.theirs('one', at, false),
      withBob.theirs('two', at + MINUTE, false),
      withBob.theirs('much later', at + 30 * MINUTE, false),
      withBob.mine('three', 'sent', at + 31 * MINUTE),
    );
  });

  const shape = Array.from(root(chat).querySelectorAll('.message'), (message) => [
    message.classList.contains('first'),
    message.classList.contains('last'),
    message.querySelector('time') !== null,
  ]);
  expect(shape).toEqual([
    [true, false, false],
    [false, true, true],
    [true, true, true],
    [true, true, true],
  ]);
});

test('the status of an own message grows before her eyes, with words for those who do not see icons', async () => {
  const { chat, withBob } = await openStage();
  const message = withBob.mine('are you there?', 'pending');
  withBob.append(message);

  for (const [status, words] of [
    ['pending', 'Waiting to be sent'],
    ['sent', 'Sent'],
    ['delivered', 'Delivered'],
    ['read', 'Read'],
  ] as const) {
    withBob.setStatus(message.id, status);
    await chat.updateComplete;
    expect(find(chat, '[role="img"]').getAttribute('aria-label')).toBe(words);
    expect(find(chat, '.message').dataset['status']).toBe(status);
  }
});

test('a message within a group shows its status when it differs from the next one’s', async () => {
  const at = new Date().setHours(12, 0, 0, 0);
  const { chat } = await openStage((withBob) => {
    withBob.append(
      withBob.mine('first', 'delivered', at),
      withBob.mine('second', 'delivered', at),
      withBob.mine('third', 'pending', at),
    );
  });

  const shown = Array.from(
    root(chat).querySelectorAll('.message'),
    (message) => message.querySelector('.status') !== null,
  );
  expect(shown).toEqual([false, true, true]);
});

test('a failed message says why and can be tried again', async () => {
  const { chat, withBob } = await openStage();
  const message = withBob.mine('secret', 'pending');
  withBob.append(message);
  withBob.setStatus(message.id, 'failed', 'identity-changed');
  await chat.updateComplete;
  expect(texts(chat, '.failure')).toEqual(['Not delivered: Bob’s security key changed in the meantime.']);

  find(chat, '[part="retry-button"]').click();
  await chat.updateComplete;

  expect(withBob.retried).toEqual([message.id]);
  expect(root(chat).querySelector('.failure')).toBeNull();
});

test('what cannot be shown as a message becomes a quiet sentence', async () => {
  const base = { from: 'bob', mine: false, at: Date.now(), unread: false };
  const rows: Message[] = [
    { ...base, kind: 'undecryptable', id: 'u1', text: '', cause: 'bad-ciphertext', resend: 'asked' },
    { ...base, kind: 'undecryptable', id: 'u2', text: '', cause: 'header-mismatch', resend: 'none' },
    { ...base, kind: 'identity-changed', id: 'i', text: '' },
    { ...base, kind: 'unknown', id: 'k', text: 'Bob sent a poll. Update to see it.' },
  ];
  const { chat } = await openStage((withBob) => withBob.append(...rows));

  const [undecrypted, damaged, identity] = texts(chat, '.notice');
  expect(undecrypted).toContain('could not be decrypted on this device');
  expect(damaged).toContain('damaged or not genuine');
  expect(identity).toContain('Bob’s security key has changed');
  expect(texts(chat, '[data-kind="unknown"] .text')).toEqual(['Bob sent a poll. Update to see it.']);
});

test('an empty conversation invites, and stops when the first message is there', async () => {
  const { chat, withBob } = await openStage();
  expect(texts(chat, '.empty-title')).toEqual(['Say hello to Bob']);

  withBob.append(withBob.theirs('hello'));
  await chat.updateComplete;

  expect(root(chat).querySelector('.empty')).toBeNull();
});

test('markup in a message, a name or a draft stays text', async () => {
  const attack = '<img src=x onerror="document.title=1"><script>document.title=1</script>&lt;b&gt;';
  const { chat } = await openStage((withBob) => withBob.append(withBob.theirs(attack)));
  chat.label = attack;
  await chat.updateComplete;

  expect(texts(chat, '.text')).toEqual([attack]);
  expect(texts(chat, '.name')).toEqual([attack]);
  expect(root(chat).querySelector('img, script, b')).toBeNull();
  expect(document.title).not.toBe('1');
});

test('a sender’s impossible time breaks nothing', async () => {
  const { chat } = await openStage((withBob) =>
    withBob.append(withBob.theirs('from the end of time', 2 ** 60), withBob.theirs('now')),
  );
  expect(texts(chat, '.text')).toEqual(['from the end of time', 'now']);
});

test('a long word and a right-to-left text stay within the bubble', async () => {
  const { chat } = await openStage((withBob) =>
    withBob.append(withBob.theirs('x'.repeat(5000)), withBob.theirs('שלום עולם')),
  );
  const scroller = find(chat, '.scroller');
  expect(scroller.scrollWidth).toBe(scroller.clientWidth);
  const [, hebrew] = root(chat).querySelectorAll('.text');
  expect(hebrew?.matches(':dir(rtl)')).toBe(true);
});

test('the other user’s words can be set in another language', async () => {
  const { chat } = await openStage((withBob) => withBob.append(withBob.mine('hallo', 'read')));
  chat.lang = 'de';
  chat.strings = { today: 'Heute', read: 'Gelesen' };
  await chat.updateComplete;

  expect(texts(chat, '.day')).toEqual(['Heute']);
  expect(find(chat, '[role="img"]').getAttribute('aria-label')).toBe('Gelesen');
  expect(find(chat, '.send').getAttribute('aria-label')).toBe('Send');
});

test('a thousand messages: one more adds one row and keeps every other element', async () => {
  const { chat, withBob } = await openStage((conversation) =>
    conversation.append(
      ...Array.from({ length: 1000 }, (_, index) => conversation.theirs(`message ${index}`, Date.now(), false)),
    ),
  );
  const before = Array.from(root(chat).querySelectorAll('.message'));
  expect(before).toHaveLength(1000);

  withBob.append(withBob.mine('the last', 'pending'));
  await chat.updateComplete;

  const after = Array.from(root(chat).querySelectorAll('.message'));
  expect(after).toHaveLength(1001);
  expect(after.slice(0, 1000).every((element, index) => element === before[index])).toBe(true);
});

test('typing renders no row', async () => {
  const { chat, withBob } = await openStage((conversation) => conversation.append(conversation.theirs('hello')));
  await nextFrame();
  const mutations: MutationRecord[] = [];
  const observer = new MutationObserver((records) => mutations.push(...records));
  observer.observe(find(chat, '.list'), { subtree: true, childList: true, attributes: true, characterData: true });

  const input = field(chat);
  input.value = 'a';
  input.dispatchEvent(new InputEvent('input', { bubbles: true }));
  await chat.updateComplete;

  mutations.push(...observer.takeRecords());
  observer.disconnect();
  expect(mutations).toEqual([]);
  expect(withBob.messages.listeners).toBe(1);
});

test('a widget that leaves the page stops listening, and catches up when it returns', async () => {
  const { chat, alice, withBob } = await openStage();
  chat.remove();
  expect(withBob.messages.listeners).toBe(0);
  expect(alice.connection.listeners).toBe(0);
  withBob.append(withBob.theirs('while you were out'));

  document.body.append(chat);
  await chat.updateComplete;

  expect(texts(chat, '.text')).toEqual(['while you were out']);
});
