import { expect, test } from 'vitest';

import type { ConnectionState } from '@sotto/sdk';

import { field, find, nextFrame, openStage, root, texts, type Stage } from './harness.js';

async function show(stage: Stage, state: ConnectionState): Promise<string> {
  stage.alice.connection.set(state);
  await stage.chat.updateComplete;
  return find(stage.chat, '[role="status"]').textContent.trim();
}

test('each connection state is one quiet sentence, and none while all is well', async () => {
  const stage = await openStage();
  expect(await show(stage, { state: 'online', left: 0 })).toBe('');
  expect(await show(stage, { state: 'connecting' })).toBe('Connecting…');
  expect(await show(stage, { state: 'online', left: 120 })).toBe('Catching up: 120 to go');
  expect(await show(stage, { state: 'offline', retryAt: null, code: 'network' })).toContain(
    'goes out when you are back',
  );
  expect(await show(stage, { state: 'signed-out', code: 'token-expired' })).toContain('You are signed out');
  expect(await show(stage, { state: 'signed-out', code: 'wrong-user' })).toContain('Someone else is signed in');
  expect(await show(stage, { state: 'signed-out', code: 'device-gone' })).toContain('This device was removed');
  expect(await show(stage, { state: 'storage-failed', code: 'storage-full' })).toContain('no room left');
  expect(await show(stage, { state: 'closed' })).toBe('This chat is closed.');
});

test('offline she can still write; a closed chat takes nothing', async () => {
  const stage = await openStage();
  await show(stage, { state: 'offline', retryAt: null, code: 'network' });
  expect(field(stage.chat).disabled).toBe(false);
  await show(stage, { state: 'closed' });
  expect(field(stage.chat).disabled).toBe(true);
});

test('the page hears of every change', async () => {
  const stage = await openStage();
  const heard: string[] = [];
  stage.chat.addEventListener('sotto-connection', (event) => heard.push(event.connection.state));
  await show(stage, { state: 'offline', retryAt: null, code: 'network' });
  await show(stage, { state: 'online', left: 0 });
  expect(heard).toEqual(['offline', 'online']);
});

test('starting afresh is asked twice, can be called off, and says when it was refused', async () => {
  const stage = await openStage();
  const { chat } = stage;
  let resets = 0;
  const reset = (): Promise<void> => {
    resets += 1;
    return resets === 1 ? Promise.reject(new Error('reset-refused')) : Promise.resolve();
  };
  expect(await show(stage, { state: 'needs-device', code: null, link: async () => undefined, reset })).toContain(
    'Your messages live on another device',
  );

  find(chat, '[part="reset-button"]').click();
  await chat.updateComplete;
  expect(texts(chat, '.line')[0]).toContain('Your other devices will be signed out');
  expect(texts(chat, '.actions button')).toEqual(['Yes, start afresh', 'Cancel']);
  root(chat).querySelectorAll<HTMLElement>('.actions button')[1]?.click();
  await chat.updateComplete;
  expect(resets).toBe(0);

  find(chat, '[part="reset-button"]').click();
  await chat.updateComplete;
  find(chat, '[part="reset-confirm-button"]').click();
  await nextFrame();
  expect(texts(chat, '.line')).toEqual(['Starting afresh was refused. Sign in again, then try once more.']);

  find(chat, '[part="reset-confirm-button"]').click();
  await nextFrame();
  expect(resets).toBe(2);
  // The client accepted to try, and the relay refuses.
  expect(await show(stage, { state: 'connecting' })).toBe('Connecting…');
  expect(await show(stage, { state: 'needs-device', code: null, link: async () => undefined, reset })).toContain(
    'Starting afresh was refused',
  );
  expect(await show(stage, { state: 'online', left: 0 })).toBe('');
});
