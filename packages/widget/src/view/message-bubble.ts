import { html, nothing, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import type { Message, MessageStatus } from '@sotto/sdk';

import type { ListContext } from './context.js';
import { icon } from './icons.js';
import { isBubble, statusOf, type Place } from './rows.js';
import { fullTimeText, isoTime, timeText } from './time.js';

/** One message: a bubble with text, or a quiet notice where there is no text to show. */
export function messageRow(message: Message, place: Place, context: ListContext): TemplateResult {
  return isBubble(message) ? bubble(message, place, context) : notice(message, context);
}

// All content goes through text bindings: nothing that a contact sends is ever parsed as HTML.
function bubble(message: Message, place: Place, context: ListContext): TemplateResult {
  const { strings, name } = context;
  const side = message.mine ? 'mine' : 'theirs';
  const status = statusOf(message);
  return html`
    <div
      class="message ${side} ${place.first ? 'first' : ''} ${place.last ? 'last' : ''}"
      part="message ${side}"
      data-id=${message.id}
      data-kind=${message.kind}
      data-status=${status ?? nothing}
    >
      <span class="hidden-text">${message.mine ? strings.you : name}:</span>
      <div class="bubble" part="bubble bubble-${side}">
        <span class="text" part="text" dir="auto">${message.text}</span>
      </div>
      ${place.meta ? meta(message, status, context) : nothing}
    </div>
  `;
}

function meta(message: Message, status: MessageStatus | null, context: ListContext): TemplateResult {
  const { locale } = context;
  return html`
    <div class="meta" part="meta">
      ${status === 'failed' ? failure(message, context) : nothing}
      ${guard([message.at, locale], () => time(message.at, locale))}
      ${status === null ? nothing : statusIcon(status, context)}
    </div>
  `;
}

/** Behind a guard: Intl is most of the cost of rendering a long list again. */
function time(at: number, locale: string): TemplateResult {
  return html`<time datetime=${isoTime(at)} title=${fullTimeText(at, locale)}>${timeText(at, locale)}</time>`;
}

function statusIcon(status: MessageStatus, { strings }: ListContext): TemplateResult {
  const label = strings[status];
  return html`<span class="status ${status}" part="status" role="img" aria-label=${label} title=${label}
    >${icon(status)}</span
  >`;
}

function failure(message: Message, { strings, name, retry }: ListContext): TemplateResult {
  const code = 'failure' in message ? message.failure : null;
  return html`
    <span class="failure">${code === null ? strings.failed : strings.failure(code, name)}</span>
    <button class="link" part="retry-button" type="button" @click=${() => retry(message.id)}>${strings.retry}</button>
  `;
}

function notice(message: Message, { strings, name }: ListContext): TemplateResult {
  const text =
    message.kind === 'undecryptable'
      ? strings.undecryptable(message.cause, name)
      : message.kind === 'identity-changed'
        ? strings.identityChanged(name)
        : message.text;
  return html`
    <div class="notice" part="notice" data-id=${message.id} data-kind=${message.kind}>
      ${icon('notice')}<span dir="auto">${text}</span>
    </div>
  `;
}
