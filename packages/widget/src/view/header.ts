import { html, nothing, type TemplateResult } from 'lit';
import type { IdentityState, Presence } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import { icon } from './icons.js';
import { lastSeenText } from './time.js';

export interface HeaderContact {
  readonly presence: Presence | null;
  readonly identity: IdentityState['state'];
  /** What they call themselves. */
  readonly ownName: string | null;
  /** Shows the safety number. */
  readonly show: () => void;
}

/**
 * Who the conversation is with. The page can put its own content into the slot `header`.
 *
 * @param actions further buttons, at the end
 */
export function header(
  name: string,
  strings: Strings,
  locale: string,
  contact: HeaderContact,
  actions: TemplateResult | typeof nothing,
): TemplateResult {
  const { presence, identity, ownName, show } = contact;
  // By code points: an emoji or an astral letter must not be cut in half.
  const initial = Array.from(name)[0]?.toLocaleUpperCase() ?? '';
  const label = identity === 'verified' ? strings.verified(name) : strings.safetyNumber;
  return html`
    <header class="header" part="header">
      <slot name="header">
        <span class="avatar" part="avatar" aria-hidden="true" ?data-online=${presence?.online ?? false}
          >${initial}</span
        >
        <span class="who">
          <span class="name" part="name"><bdi>${name}</bdi>${callsThemselves(name, ownName, strings)}</span>
          ${subtitle(presence, strings, locale)}
        </span>
        ${
          identity === 'unknown'
            ? nothing
            : html`<button
                class="safety-button ${identity}"
                part="safety-button"
                type="button"
                title=${label}
                aria-label=${label}
                @click=${show}
              >
                ${icon(identity === 'verified' ? 'verified' : identity === 'changed' ? 'notice' : 'shield')}
              </button>`
        }
        ${actions}
      </slot>
    </header>
  `;
}

/** Beside the name that this side knows, never instead of it: people can call themselves anything. */
function callsThemselves(name: string, ownName: string | null, strings: Strings): TemplateResult | typeof nothing {
  if (ownName === null || ownName === name) return nothing;
  return html` <bdi class="own-name" part="own-name" title=${strings.callsThemselves(name, ownName)}
    >${strings.quoted(ownName)}</bdi
  >`;
}

function subtitle(presence: Presence | null, strings: Strings, locale: string): TemplateResult {
  const encrypted = html`<span class="encrypted">${icon('lock')}${strings.encrypted}</span>`;
  return html`
    <span class="presence" part="presence" aria-live="polite">
      ${
        presence?.typing
          ? html`<span class="now">${strings.typing}</span>`
          : presence?.online
            ? html`<span class="now">${strings.online}</span>`
            : presence?.lastSeen
              ? strings.lastSeen(lastSeenText(presence.lastSeen, Date.now(), locale, strings))
              : encrypted
      }
    </span>
  `;
}
