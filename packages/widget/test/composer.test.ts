import { expect, test } from 'vitest';

import { SottoError } from '@sotto/sdk';

import type { SottoErrorEvent, SottoSendEvent } from '../src/index.js';
import { FakeClient } from './fake-client.js';
import { field, find, nextFrame, openStage, press, root, texts, type } from './harness.js';

/** A key press with the historical code, which the types call deprecated. */
function enterWithCode(code: number): KeyboardEventInit {
  return Object.fromEntries<unknown>([
    ['key', 'Enter'],
    ['keyCode', code],
  ]);
}

test('Enter sends, empties the field and tells the page without the text', async () => {
  const { chat } = await openStage();
  const events: SottoSendEvent[] = [];
  chat.addEventListener('sotto-send', (event) => events.push(event));

  await type(chat, '  hello Bob  ');
  const key = await press(chat, { key: 'Enter' });

  expect(key.defaultPrevented).toBe(true);
  expect(texts(chat, '.text')).toEqual(['hello Bob']);
  expect(field(chat).value).toBe('');
  expect(events.map((event) => event.user)).toEqual(['bob']);
  expect(JSON.stringify(events)).not.toContain('hello');
});

test('Shift+Enter makes a new line', async () => {
  const { chat } = await openStage();
  await type(chat, 'one');
  const key = await press(chat, { key: 'Enter', shiftKey: true });
  expect(key.defaultPrevented).toBe(false);
  expect(texts(chat, '.text')).toEqual([]);
});

test('an Enter that accepts a suggestion of an input method does not send', async () => {
  const { chat } = await openStage();
  await type(chat, 'にほん');
  const composing = await press(chat, { key: 'Enter', isComposing: true });
  const safari = await press(chat, enterWithCode(229));
  expect([composing.defaultPrevented, safari.defaultPrevented]).toEqual([false, false]);
  expect(texts(chat, '.text')).toEqual([]);

  await press(chat, enterWithCode(13));
  expect(texts(chat, '.text')).toEqual(['にほん']);
});

test('a render in the middle of a composition leaves the field alone', async () => {
  const { chat, withBob } = await openStage();
  await type(chat, 'に');
  field(chat).setSelectionRange(0, 1);
  withBob.append(withBob.theirs('hello'));
  await chat.updateComplete;
  expect([field(chat).value, field(chat).selectionStart, field(chat).selectionEnd]).toEqual(['に', 0, 1]);
});

test('the button sends, is off while there is nothing to send, and gives the cursor back', async () => {
  const { chat } = await openStage();
  const button = find(chat, '.send');
  expect(button.matches(':disabled')).toBe(true);
  await type(chat, '   ');
  expect(button.matches(':disabled')).toBe(true);
  await type(chat, 'hello');
  expect(button.matches(':disabled')).toBe(false);

  button.click();
  await nextFrame();

  expect(texts(chat, '.text')).toEqual(['hello']);
  expect(root(chat).activeElement).toBe(field(chat));
});

test('a draft stays with its conversation, also when the element is made anew', async () => {
  const { alice, chat } = await openStage();
  await type(chat, 'for Bob');
  chat.with = 'carol';
  await chat.updateComplete;
  expect(field(chat).value).toBe('');
  await type(chat, 'for Carol');

  const another = document.createElement('sotto-chat');
  another.client = alice;
  another.with = 'bob';
  document.body.append(another);
  await another.updateComplete;
  expect(field(another).value).toBe('for Bob');
  another.with = 'carol';
  await another.updateComplete;
  expect(field(another).value).toBe('for Carol');

  another.client = new FakeClient('alice');
  await another.updateComplete;
  expect(field(another).value).toBe('');
});

test('a text that could not be stored comes back, before what was typed since, with a reason', async () => {
  const { chat, withBob } = await openStage();
  const errors: SottoErrorEvent[] = [];
  chat.addEventListener('sotto-error', (event) => errors.push(event));
  let refuse: (error: Error) => void = () => undefined;
  withBob.send = () => new Promise((_, reject) => (refuse = reject));

  await type(chat, 'a very long text');
  await press(chat, { key: 'Enter' });
  await type(chat, 'and more');
  refuse(new SottoError('text-too-long'));
  await nextFrame();

  expect(field(chat).value).toBe('a very long text\nand more');
  expect(texts(chat, '[role="alert"]')).toEqual(['This is too long for one message. Please send it in parts.']);
  expect(errors.map((event) => event.action)).toEqual(['send']);

  await type(chat, 'shorter');
  expect(root(chat).querySelector('[role="alert"]')).toBeNull();
});

test('a text that fails after she went to another conversation waits in its own', async () => {
  const { chat, withBob } = await openStage();
  let refuse: (error: Error) => void = () => undefined;
  withBob.send = () => new Promise((_, reject) => (refuse = reject));
  await type(chat, 'to Bob');
  await press(chat, { key: 'Enter' });
  chat.with = 'carol';
  await chat.updateComplete;

  refuse(new SottoError('storage-full'));
  await nextFrame();

  expect(field(chat).value).toBe('');
  chat.with = 'bob';
  await chat.updateComplete;
  expect(field(chat).value).toBe('to Bob');
});

test('the field grows with its text up to a limit', async () => {
  const { chat } = await openStage();
  const one = field(chat).offsetHeight;
  await type(chat, 'one\ntwo\nthree');
  const three = field(chat).offsetHeight;
  await type(chat, 'line\n'.repeat(100));
  const many = field(chat).offsetHeight;
  expect(three).toBeGreaterThan(one);
  expect(many).toBeLessThan(chat.offsetHeight / 2);
});

test('everything is reachable by keyboard and named', async () => {
  const { chat } = await openStage();
  expect((find(chat, 'label') as HTMLLabelElement).control).toBe(field(chat));
  expect(find(chat, 'label').textContent).toBe('Message to Bob');
  expect(find(chat, '[role="log"]').getAttribute('aria-label')).toBe('Conversation with Bob');
  expect(find(chat, '[role="log"]').tabIndex).toBe(0);
  chat.focus();
  expect(root(chat).activeElement).toBe(field(chat));
});
