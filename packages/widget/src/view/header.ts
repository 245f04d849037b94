import { html, type TemplateResult } from 'lit';

import type { Strings } from '../strings.js';
import { icon } from './icons.js';

/** Who the conversation is with. The page can put its own content into the slot `header`. */
export function header(name: string, strings: Strings): TemplateResult {
  // By code points: an emoji or an astral letter must not be cut in half.
  const initial = Array.from(name)[0]?.toLocaleUpperCase() ?? '';
  return html`
    <header class="header" part="header">
      <slot name="header">
        <span class="avatar" part="avatar" aria-hidden="true">${initial}</span>
        <span class="who">
          <span class="name" part="name" dir="auto">${name}</span>
          <span class="encrypted">${icon('lock')}${strings.encrypted}</span>
        </span>
      </slot>
    </header>
  `;
}
