import { expect, test } from 'vitest';

import { field, find, nextFrame, openStage, press, root, texts, type } from './harness.js';

test('the header says whether Bob is there, is typing, or when he was last seen', async () => {
  const { chat, withBob } = await openStage();
  const line = find(chat, '[part="presence"]');
  expect(line.textContent.trim()).toBe('End-to-end encrypted');
  withBob.presence.set({ online: true, typing: false, lastSeen: null });
  await chat.updateComplete;
  expect(line.textContent.trim()).toBe('Online');
  withBob.presence.set({ online: true, typing: true, lastSeen: null });
  await chat.updateComplete;
  expect(line.textContent.trim()).toBe('Typing…');
  expect(root(chat).querySelector('.dots')).not.toBeNull();
  withBob.presence.set({ online: false, typing: false, lastSeen: Date.now() });
  await chat.updateComplete;
  expect(line.textContent.trim()).toMatch(/^Last seen \d/);
});

test('what Alice types is told, and an emptied field is not', async () => {
  const { chat, withBob } = await openStage();
  await type(chat, 'h');
  await type(chat, 'he');
  await type(chat, '');
  expect(withBob.typed).toBe(2);
});

test('Alice compares the safety number, marks Bob as verified, and takes it back', async () => {
  const { chat, withBob } = await openStage();
  find(chat, '[part="safety-button"]').click();
  await expect.poll(() => root(chat).querySelector('dialog')?.open).toBe(true);
  expect(texts(chat, '.digits li')).toEqual((await withBob.safetyNumber()).groups);
  expect(root(chat).querySelector('.code path')?.getAttribute('d')).toMatch(/^M0 0h1v1h-1z/);
  find(chat, '[part="mark-button"]').click();
  await nextFrame();
  expect(withBob.identity.get()).toEqual({ state: 'verified' });
  expect(find(chat, '.mark').textContent.trim()).toBe('You have verified Bob');
  expect(find(chat, '[part="safety-button"]').getAttribute('aria-label')).toBe('You have verified Bob');
  find(chat, '[part="mark-button"]').click();
  await nextFrame();
  expect(withBob.identity.get()).toEqual({ state: 'unverified' });
  find(chat, '[part="close-button"]').click();
  await nextFrame();
  expect(root(chat).querySelector('dialog')?.open).toBe(false);
});

test('a changed identity is announced and can be accepted; writing goes on meanwhile', async () => {
  const { chat, withBob } = await openStage();
  withBob.identity.set({ state: 'changed', key: 'new', at: Date.now(), wasVerified: true, held: true });
  await chat.updateComplete;
  const banner = find(chat, '.identity[aria-live]');
  expect(banner.textContent).toContain('not the one you verified');
  expect(banner.textContent).toContain('waits here until you decide');
  await type(chat, 'hello?');
  await press(chat, { key: 'Enter' });
  expect(field(chat).value).toBe('');
  find(chat, '[part="accept-button"]').click();
  await nextFrame();
  expect(banner.textContent.trim()).toBe('');
  // Its button is gone: she can go on writing.
  expect(root(chat).activeElement).toBe(field(chat));
});

test('what Bob calls himself stands beside the name that Alice knows, and is text', async () => {
  const { chat, withBob } = await openStage();
  expect(texts(chat, '.name')).toEqual(['Bob']);
  withBob.profile.set({ name: '<b>Bobby</b>' });
  await chat.updateComplete;
  expect(texts(chat, '.name > bdi')).toEqual(['Bob', '\u201c<b>Bobby</b>\u201d']);
  expect(find(chat, '.own-name').title).toBe('Bob goes by \u201c<b>Bobby</b>\u201d');
  withBob.profile.set({ name: 'Bob' });
  await chat.updateComplete;
  expect(texts(chat, '.name')).toEqual(['Bob']);
});
