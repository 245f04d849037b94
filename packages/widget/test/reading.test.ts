import { expect, test } from 'vitest';

import type { Message, SottoClient } from '@sotto/sdk';

import type { SottoErrorEvent } from '../src/index.js';
import type { FakeConversation } from './fake-client.js';
import { field, find, nextFrame, openStage, press, root, scroller, texts, topOf, type } from './harness.js';

function fill(withBob: FakeConversation, count: number, unread = false): Message[] {
  return Array.from({ length: count }, (_, index) => withBob.theirs(`message ${index}`, Date.now(), unread));
}

/** Scrolls and waits for what follows from it. */
async function scrollTo(chat: HTMLElementTagNameMap['sotto-chat'], top: number): Promise<void> {
  scroller(chat).scrollTop = top;
  await nextFrame();
  await chat.updateComplete;
}

/** Resolves when the browser has told all observers so, in whatever order it tells them. */
async function outOfSight(element: Element): Promise<void> {
  await new Promise<void>((resolve) => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.at(-1)?.isIntersecting !== false) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(element);
  });
  await nextFrame();
}

test('a conversation opens at its newest message and stays there when more arrive', async () => {
  const { chat, withBob } = await openStage((conversation) => conversation.append(...fill(conversation, 60)));
  expect(scroller(chat).scrollTop).toBe(0);

  withBob.append(withBob.theirs('line\n'.repeat(20)));
  await chat.updateComplete;
  await nextFrame();

  expect(scroller(chat).scrollTop).toBe(0);
  expect(root(chat).querySelector('.to-newest')).toBeNull();
});

test('what she reads further up does not move when messages arrive below', async () => {
  const { chat, withBob } = await openStage((conversation) => conversation.append(...fill(conversation, 60)));
  await scrollTo(chat, -600);
  const reading = withBob.messages.get()[40];
  const before = topOf(chat, reading?.id ?? '');

  withBob.append(withBob.theirs('new\n'.repeat(5)), withBob.theirs('and another'));
  await chat.updateComplete;
  await nextFrame();

  expect(topOf(chat, reading?.id ?? '')).toBeCloseTo(before, 0);
  expect(texts(chat, '.to-newest')).toEqual(['2 new messages']);
  expect(withBob.marks).toBe(0);

  find(chat, '.to-newest').click();
  await nextFrame();
  await chat.updateComplete;
  expect(scroller(chat).scrollTop).toBe(0);
  expect(withBob.marks).toBe(1);
  expect(root(chat).querySelector('.to-newest')).toBeNull();
});

test('her own message brings her back to the end', async () => {
  const { chat } = await openStage((conversation) => conversation.append(...fill(conversation, 60)));
  await scrollTo(chat, -600);
  await type(chat, 'mine');
  await press(chat, { key: 'Enter' });
  expect(scroller(chat).scrollTop).toBe(0);
});

test('scrolling to the top brings earlier messages without a jump, until there are none', async () => {
  const { chat, withBob } = await openStage((conversation) => {
    conversation.past = fill(conversation, 250);
    conversation.append(...fill(conversation, 100));
  });
  expect(withBob.messages.get()).toHaveLength(100);
  const first = withBob.messages.get()[0]?.id ?? '';
  await scrollTo(chat, -(scroller(chat).scrollHeight - scroller(chat).clientHeight));
  const before = topOf(chat, first);

  await expect.poll(() => withBob.messages.get().length).toBe(200);
  await nextFrame();
  expect(topOf(chat, first)).toBeCloseTo(before, 0);

  for (const expected of [300, 350]) {
    await scrollTo(chat, -(scroller(chat).scrollHeight - scroller(chat).clientHeight));
    await expect.poll(() => withBob.messages.get().length).toBe(expected);
  }
  expect(texts(chat, '.earlier')).toEqual(['']);
});

test('a failed attempt to load earlier messages can be repeated by scrolling up again', async () => {
  const errors: SottoErrorEvent[] = [];
  const { chat, withBob } = await openStage((conversation) => {
    conversation.past = fill(conversation, 20);
    conversation.append(...fill(conversation, 100));
  });
  chat.addEventListener('sotto-error', (event) => errors.push(event));
  const { loadEarlier } = withBob;
  withBob.loadEarlier = () => Promise.reject(new Error('database gone'));
  const top = -(scroller(chat).scrollHeight - scroller(chat).clientHeight);
  await scrollTo(chat, top);
  expect(errors.map((event) => event.action)).toEqual(['load-earlier']);

  withBob.loadEarlier = loadEarlier;
  await scrollTo(chat, 0);
  await scrollTo(chat, top);
  await expect.poll(() => withBob.messages.get().length).toBe(120);
});

test('far back, the end of the list loads later messages without a jump, and the button goes to the newest', async () => {
  const { chat, withBob } = await openStage((conversation) => conversation.append(...fill(conversation, 60)));
  await scrollTo(chat, -1_000);
  withBob.leaveBehind(...fill(withBob, 120, true));
  const marks = withBob.marks;
  withBob.append(withBob.theirs('the last one of this stretch'));
  await nextFrame();
  const last = withBob.messages.get().at(-1)?.id ?? '';
  await scrollTo(chat, 0);
  const before = topOf(chat, last);
  await expect.poll(() => withBob.messages.get().length).toBe(111);
  await nextFrame();
  expect(topOf(chat, last)).toBeCloseTo(before, 0);
  // The end of a stretch in the past is not the end of the conversation.
  expect(withBob.marks).toBe(marks);

  await scrollTo(chat, -1_000);
  find(chat, '.to-newest').click();
  await expect.poll(() => withBob.edges.get().later).toBe(false);
  await expect.poll(() => scroller(chat).scrollTop).toBe(0);
  await expect.poll(() => withBob.marks).toBeGreaterThan(marks);
});

test('messages are marked read only while their end is before her eyes', async () => {
  const { chat, withBob } = await openStage((conversation) => conversation.append(...fill(conversation, 60)));
  withBob.append(withBob.theirs('seen at once'));
  await expect.poll(() => withBob.marks).toBe(1);

  const spacer = document.createElement('div');
  spacer.style.blockSize = '3000px';
  chat.before(spacer);
  await outOfSight(find(chat, '.end'));
  withBob.append(withBob.theirs('below the fold of the page'));
  await nextFrame();
  expect(withBob.marks).toBe(1);

  spacer.remove();
  await expect.poll(() => withBob.marks).toBe(2);
});

test('a hidden tab reads nothing', async () => {
  const { withBob } = await openStage((conversation) => conversation.append(...fill(conversation, 3)));
  Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
  try {
    document.dispatchEvent(new Event('visibilitychange'));
    withBob.append(withBob.theirs('while away'));
    await nextFrame();
    expect(withBob.marks).toBe(0);
  } finally {
    Reflect.deleteProperty(document, 'visibilityState');
  }
  document.dispatchEvent(new Event('visibilitychange'));
  expect(withBob.marks).toBe(1);
});

test('the unread marker stands where she left off, stays while she reads and goes when she answers', async () => {
  const { chat, withBob } = await openStage((conversation) =>
    conversation.append(...fill(conversation, 60), ...fill(conversation, 60, true)),
  );
  const marker = find(chat, '.unread');
  expect(marker.nextElementSibling?.getAttribute('data-id')).toBe(withBob.messages.get()[60]?.id);
  // More is unread than fits: she begins at the marker, not at the end.
  expect(marker.getBoundingClientRect().top).toBeCloseTo(scroller(chat).getBoundingClientRect().top, -2);
  expect(withBob.marks).toBe(0);

  await scrollTo(chat, 0);
  await expect.poll(() => withBob.marks).toBe(1);
  expect(root(chat).querySelector('.unread')).not.toBeNull();

  await type(chat, 'answer');
  await press(chat, { key: 'Enter' });
  expect(root(chat).querySelector('.unread')).toBeNull();
});

test('a refused read mark is told once and does not loop', async () => {
  const errors: SottoErrorEvent[] = [];
  const { chat, withBob } = await openStage();
  chat.addEventListener('sotto-error', (event) => errors.push(event));
  withBob.markRead = () => Promise.reject(new Error('no room'));
  withBob.append(withBob.theirs('hello'));
  await expect.poll(() => errors.length).toBe(1);
  await nextFrame();
  await nextFrame();
  expect(errors.map((event) => event.action)).toEqual(['mark-read']);
});

test('the page hears of messages that arrive, not of those that were there', async () => {
  const heard: string[] = [];
  const { chat, withBob } = await openStage((conversation) => {
    conversation.past = fill(conversation, 20);
    conversation.append(...fill(conversation, 5, true));
  });
  chat.addEventListener('sotto-message', (event) => heard.push(event.message.text));
  await expect.poll(() => withBob.messages.get().length).toBe(25);
  expect(heard).toEqual([]);

  withBob.append(withBob.mine('mine', 'sent'), withBob.theirs('theirs'));
  expect(heard).toEqual(['theirs']);
});

test('changing the conversation shows only the other one’s messages', async () => {
  const { alice, chat } = await openStage((withBob) => withBob.append(withBob.theirs('from Bob')));
  const withCarol = alice.direct('carol');
  withCarol.append(withCarol.theirs('from Carol'));
  chat.with = 'carol';
  chat.label = '';
  await chat.updateComplete;
  expect(texts(chat, '.text')).toEqual(['from Carol']);
  expect(texts(chat, '.name')).toEqual(['carol']);
});

test('a user that cannot be written to is an error event, not an exception', async () => {
  const errors: SottoErrorEvent[] = [];
  const { alice, chat } = await openStage();
  chat.addEventListener('sotto-error', (event) => errors.push(event));
  const broken: SottoClient = Object.create(alice, {
    direct: {
      value: () => {
        throw new Error('not oneself');
      },
    },
  }) as SottoClient;
  chat.client = broken;
  await chat.updateComplete;
  expect(errors.map((event) => event.action)).toEqual(['open']);
  expect(field(chat).disabled).toBe(true);
});
