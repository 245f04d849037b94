import { expect, test } from 'vitest';

import { SottoError, type ConnectionState, type Device } from '@sotto/sdk';

import { fromSealedText, toSealedText } from '../src/devices/sealed-text.js';
import type { SottoChat } from '../src/sotto-chat.js';
import { find, nextFrame, openStage, root, texts, type Stage } from './harness.js';

const LAPTOP: Device = {
  id: '1.10',
  name: 'Laptop',
  current: true,
  createdAt: null,
  lastActivity: Date.now(),
  expiresAt: null,
};
const PHONE: Device = { ...LAPTOP, id: '2.20', name: null, current: false };
const PASSPHRASE = 'correct horse battery staple';

/** Alice's dialog, opened by its button. */
async function openDialog(): Promise<Stage> {
  const stage = await openStage();
  stage.alice.devices.set([PHONE, LAPTOP]);
  find(stage.chat, '[part="devices-button"]').click();
  await expect.poll(() => dialog(stage.chat)?.open).toBe(true);
  return stage;
}

function dialog(chat: SottoChat): HTMLDialogElement | null {
  return root(chat).querySelector<HTMLDialogElement>('[part="devices-dialog"]');
}

async function click(chat: SottoChat, selector: string): Promise<void> {
  find(chat, selector).click();
  await nextFrame();
}

/** Fills the form's fields by name and submits it as the Enter key does. */
async function submit(chat: SottoChat, selector: string, fields: Record<string, string>): Promise<void> {
  const form = find(chat, selector) as HTMLFormElement;
  for (const [name, value] of Object.entries(fields))
    (form.elements.namedItem(name) as HTMLInputElement | HTMLTextAreaElement).value = value;
  form.requestSubmit();
  await nextFrame();
}

function problem(chat: SottoChat): string {
  return find(chat, '[role="alert"]').textContent.trim();
}

test('Alice sees her devices, this one first, and when the other was last there', async () => {
  const { alice, chat } = await openDialog();
  expect(texts(chat, '.device-name')).toEqual(['Laptop', 'A device without a name']);
  expect(texts(chat, '.device-note')).toEqual(['This device', 'Last active: Today']);
  expect(dialog(chat)?.contains(root(chat).activeElement)).toBe(true);
  expect(alice.devices.listeners).toBe(1);
  await click(chat, '[part="devices-close-button"]');
  expect(dialog(chat)?.open).toBe(false);
  expect(alice.devices.listeners).toBe(0);
});

test('this device is renamed; a refusal is said and what was typed stays', async () => {
  const { alice, chat } = await openDialog();
  await click(chat, '[part="rename-button"]');
  expect(root(chat).activeElement?.getAttribute('name')).toBe('name');
  alice.deviceRefusal = new SottoError('timed-out');
  await submit(chat, '.device-form', { name: 'Work laptop' });
  expect(problem(chat)).toContain('There was no answer');
  expect((find(chat, '[name="name"]') as HTMLInputElement).value).toBe('Work laptop');
  await submit(chat, '.device-form', { name: 'Work laptop' });
  expect(texts(chat, '.device-name')[0]).toBe('Work laptop');
  expect(problem(chat)).toBe('');
  expect(root(chat).activeElement?.getAttribute('part')).toBe('rename-button');
});

test('she says what she is called, and takes it back; the focus returns to the button', async () => {
  const { alice, chat } = await openDialog();
  expect(texts(chat, '.profile-name')).toEqual(['No name yet']);
  await click(chat, '[part="profile-button"]');
  expect(root(chat).activeElement?.getAttribute('name')).toBe('name');
  alice.deviceRefusal = new SottoError('profile-name');
  await submit(chat, '.profile-form', { name: '\u200b' });
  expect(problem(chat)).toContain('1 to 64 characters');
  await submit(chat, '.profile-form', { name: ' Alice L. ' });
  expect(alice.profile.get()).toEqual({ name: 'Alice L.' });
  expect(texts(chat, '.profile-name')).toEqual(['Alice L.']);
  expect(root(chat).activeElement?.getAttribute('part')).toBe('profile-button');
  await click(chat, '[part="profile-button"]');
  await submit(chat, '.profile-form', { name: '' });
  expect(alice.profile.get()).toEqual({ name: null });
});

test('removing a device is asked first, and the focus is on calling it off', async () => {
  const { alice, chat } = await openDialog();
  await click(chat, '[part="remove-button"]');
  expect(find(chat, '#removal-question').textContent).toContain('will be signed out');
  expect(root(chat).activeElement?.textContent.trim()).toBe('Cancel');
  expect(alice.devices.get()).toHaveLength(2);
  await click(chat, '[part="remove-confirm-button"]');
  expect(texts(chat, '.device-name')).toEqual(['Laptop']);
});

test('linking another device asks twice for a long passphrase and shows the sealed text until closed', async () => {
  const { alice, chat } = await openDialog();
  await click(chat, '[part="link-other-button"]');
  expect(root(chat).activeElement?.getAttribute('name')).toBe('passphrase');
  await submit(chat, '.own-devices form', { passphrase: 'short', again: 'short' });
  expect(problem(chat)).toContain('at least 12 characters');
  await submit(chat, '.own-devices form', { passphrase: PASSPHRASE, again: `${PASSPHRASE}r` });
  expect(problem(chat)).toContain('not the same');
  expect(alice.passphrases).toEqual([]);
  await submit(chat, '.own-devices form', { passphrase: PASSPHRASE, again: PASSPHRASE });
  expect(alice.passphrases).toEqual([PASSPHRASE]);
  const shown = find(chat, '[part="sealed-text"]') as HTMLTextAreaElement;
  expect(fromSealedText(shown.value)).toEqual(alice.sealed);
  dialog(chat)?.close();
  await nextFrame();
  expect(root(chat).querySelector('[part="sealed-text"]')).toBeNull();
});

test('a browser without a device links itself; a wrong passphrase keeps what was pasted', async () => {
  const { alice, chat } = await openStage();
  const sealed = crypto.getRandomValues(new Uint8Array(200));
  const tries: string[] = [];
  const connection: ConnectionState = {
    state: 'needs-device',
    code: null,
    reset: async () => undefined,
    link: async (bytes, passphrase) => {
      expect(bytes).toEqual(sealed);
      tries.push(passphrase);
      if (passphrase !== PASSPHRASE) throw new SottoError('wrong-passphrase');
    },
  };
  const heard: string[] = [];
  chat.addEventListener('sotto-error', ({ action }) => heard.push(action));
  alice.connection.set(connection);
  await chat.updateComplete;
  expect(root(chat).querySelector('[part="devices-button"]')).toBeNull();
  expect(root(chat).querySelector('[part="reset-button"]')).not.toBeNull();
  find(chat, '[part="link-button"]').click();
  await expect.poll(() => root(chat).querySelector('.link-form')).not.toBeNull();
  await nextFrame();
  expect(root(chat).activeElement?.getAttribute('name')).toBe('sealed');

  await submit(chat, '.link-form', { sealed: 'no sealed text!', passphrase: PASSPHRASE });
  expect(problem(chat)).toContain('not the sealed text');
  const pasted = toSealedText(sealed).replace(/.{76}/g, '$&\n');
  await submit(chat, '.link-form', { sealed: pasted, passphrase: 'guess' });
  expect(problem(chat)).toContain('does not open the text');
  await submit(chat, '.link-form', { passphrase: PASSPHRASE });
  expect(tries).toEqual(['guess', PASSPHRASE]);
  expect(heard).toEqual(['link']);

  // The relay has the last word.
  alice.connection.set({ state: 'connecting' });
  await chat.updateComplete;
  expect(root(chat).querySelector('.link-form')).toBeNull();
  alice.connection.set({ ...connection, code: 'link-token-invalid' });
  await chat.updateComplete;
  expect(texts(chat, '.line')[0]).toContain('older than ten minutes');
});

test('notices stand in lines of their own until dismissed, in the page’s language', async () => {
  const { alice, chat } = await openStage();
  alice.notices.set([
    { code: 'expired', at: 1, text: 'Some messages waited too long.' },
    { code: 'restored-device', at: 2, text: 'This device was restored.' },
  ]);
  await chat.updateComplete;
  expect(find(chat, '[part="notices"]').getAttribute('aria-live')).toBe('polite');
  expect(texts(chat, '.notice-line p')).toEqual(['Some messages waited too long.', 'This device was restored.']);
  chat.strings = { notice: ({ code }) => (code === 'expired' ? 'Zu lange gewartet.' : 'Wiederhergestellt.') };
  await click(chat, '[part="dismiss-button"]');
  expect(texts(chat, '.notice-line p')).toEqual(['Wiederhergestellt.']);
});
