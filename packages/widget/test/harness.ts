import '../src/register.js';

import type { SottoChat } from '../src/sotto-chat.js';
import { FakeClient, type FakeConversation } from './fake-client.js';

/** Alice's widget, open on her conversation with Bob. */
export interface Stage {
  readonly alice: FakeClient;
  readonly withBob: FakeConversation;
  readonly chat: SottoChat;
}

export async function openStage(prepare: (withBob: FakeConversation) => void = () => undefined): Promise<Stage> {
  const alice = new FakeClient('alice');
  const withBob = alice.direct('bob');
  prepare(withBob);
  const chat = document.createElement('sotto-chat');
  chat.style.blockSize = '500px';
  chat.with = 'bob';
  chat.label = 'Bob';
  chat.client = alice;
  document.body.replaceChildren(chat);
  await chat.updateComplete;
  await nextFrame();
  return { alice, withBob, chat };
}

/** Two frames: layout, then the intersection observers have reported and their renders are done. */
export async function nextFrame(): Promise<void> {
  for (let frame = 0; frame < 2; frame += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
  await Promise.resolve();
}

export function root(chat: SottoChat): ShadowRoot {
  if (chat.shadowRoot === null) throw new Error('the widget has not rendered');
  return chat.shadowRoot;
}

export function find(chat: SottoChat, selector: string): HTMLElement {
  const found = root(chat).querySelector<HTMLElement>(selector);
  if (found === null) throw new Error(`nothing matches ${selector}`);
  return found;
}

export function texts(chat: SottoChat, selector: string): string[] {
  return Array.from(root(chat).querySelectorAll(selector), (element) => element.textContent.trim());
}

export function field(chat: SottoChat): HTMLTextAreaElement {
  const found = root(chat).querySelector('textarea');
  if (found === null) throw new Error('the widget has no text field');
  return found;
}

/** What the person types, as the browser reports it. */
export async function type(chat: SottoChat, text: string): Promise<void> {
  field(chat).value = text;
  field(chat).dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }));
  await chat.updateComplete;
}

export async function press(chat: SottoChat, init: KeyboardEventInit): Promise<KeyboardEvent> {
  const event = new KeyboardEvent('keydown', { bubbles: true, composed: true, cancelable: true, ...init });
  field(chat).dispatchEvent(event);
  await chat.updateComplete;
  await nextFrame();
  return event;
}

export function scroller(chat: SottoChat): HTMLElement {
  return find(chat, '.scroller');
}

/** Where a message stands in the window, px from the top. */
export function topOf(chat: SottoChat, id: string): number {
  return find(chat, `[data-id="${id}"]`).getBoundingClientRect().top;
}
