import { html, nothing, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import { repeat } from 'lit/directives/repeat.js';

import type { Message } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import type { ListContext } from './context.js';
import { messageRow } from './message-bubble.js';
import type { Place, Row } from './rows.js';
import { dayText } from './time.js';

/** Keyed, so that a row keeps its element while messages come before and after it. */
export function messageList(rows: readonly Row[], context: ListContext): TemplateResult {
  return html`${repeat(
    rows,
    (row) => row.key,
    (row) => rowTemplate(row, context),
  )}`;
}

function rowTemplate(row: Row, context: ListContext): unknown {
  const { strings, locale, today } = context;
  switch (row.type) {
    case 'day':
      return html`<div class="day" part="day"><span>${dayText(row.day, today, locale, strings)}</span></div>`;
    case 'unread':
      return html`<div class="unread" part="unread-marker"><span>${strings.unread}</span></div>`;
    case 'message':
      return rowOnce(row.message, row.place, context);
  }
}

/** Behind a guard: of a long list, one message has changed. */
function rowOnce(message: Message, place: Place, context: ListContext): unknown {
  const { strings, name, locale } = context;
  const { first, last, meta } = place;
  return guard([message, first, last, meta, strings, name, locale], () => messageRow(message, place, context));
}

export function emptyState({ strings, name }: ListContext): TemplateResult {
  return html`
    <div class="empty" part="empty">
      <p class="empty-title" dir="auto">${strings.empty(name)}</p>
      <p>${strings.emptyNote}</p>
    </div>
  `;
}

export function earlierLine(loading: boolean, strings: Strings): TemplateResult {
  return html`<div class="earlier">${loading ? html`<span>${strings.loadingEarlier}</span>` : nothing}</div>`;
}

/** Decoration: the header says it in words. */
export function typingDots(): TemplateResult {
  return html`<div class="typing-row" aria-hidden="true">
    <div class="bubble dots" part="typing"><i></i><i></i><i></i></div>
  </div>`;
}
