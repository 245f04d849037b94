import { html, type TemplateResult } from 'lit';

import { heldCount, type Envelope, type RelayState } from './relay-state.js';

/** The relay on a phone: one line, so that it is in sight while somebody writes. */
export function relayStrip(relay: RelayState): TemplateResult {
  const newest = newestEnvelope(relay);
  return html`
    <p class="strip" aria-label="The relay holds only ciphertext">
      <span class="strip-name">relay</span>
      <span class="strip-bytes">${newest === null ? 'nothing held' : (newest.head.match(/../g)?.join(' ') ?? '')}</span>
      <span class="strip-count">${heldCount(relay)} held</span>
    </p>
  `;
}

function newestEnvelope(relay: RelayState): Envelope | null {
  let newest: Envelope | null = null;
  for (const envelopes of relay.mailboxes.values()) newest = envelopes.at(-1) ?? newest;
  return newest;
}
