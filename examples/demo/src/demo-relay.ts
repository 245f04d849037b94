import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';

import type { Person } from './people.js';
import { heldCount, isHeld, mailboxKey, type Envelope, type RelayState } from './relay-state.js';

/** Envelopes drawn per mailbox; a longer queue is counted. */
const DRAWN = 6;

/** From so many on, each shows only one line of its bytes. */
const DENSE = 3;

type Device = RelayState['devices'][number];

/** What the relay holds, and nothing else: this component sees only what the relay told. */
export class DemoRelay extends LitElement {
  static override readonly properties = { relay: { attribute: false }, people: { attribute: false } };

  declare relay: RelayState;
  declare people: readonly Person[];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): TemplateResult {
    const { relay, people } = this;
    return html`
      <section class="relay" aria-label="The relay">
        <header class="label">
          <h2>The relay</h2>
          <span class="tag sealed">only ciphertext</span>
        </header>
        <div class="machine">
          <div class="mailboxes">
            ${people.map((person, index) => this.#mailbox(person, index === 0 ? 'left' : 'right'))}
          </div>
          <p class="aside">
            Deleted as soon as the device has it; here each stays in sight for a moment. Receipts are envelopes too.
          </p>
          ${directory(relay.devices, people)}
        </div>
        <footer class="tools counts" aria-live="off">
          <span><b>${relay.carried}</b> carried</span>
          <span><b>${heldCount(relay)}</b> held now</span>
          <span><b>0</b> readable</span>
        </footer>
      </section>
    `;
  }

  #mailbox(person: Person, side: 'left' | 'right'): TemplateResult {
    const device = this.relay.devices.find(({ user }) => user === person.aci)?.device ?? 1;
    const key = mailboxKey({ user: person.aci, device });
    const envelopes = this.relay.mailboxes.get(key) ?? [];
    const drawn = envelopes.slice(0, DRAWN);
    const deleted = this.relay.deletedUpTo.get(key);
    return html`
      <div class="mailbox ${side}" aria-label="Mailbox of ${person.name}">
        <h3>
          <span>Mailbox <code>${short(person.aci)}·${device}</code></span>
          <span class="held">${envelopes.filter(isHeld).length} held</span>
          <small>${person.name}’s (name not stored)</small>
        </h3>
        <div class="slot" ?data-dense=${envelopes.length >= DENSE}>
          ${repeat(drawn, ({ key: each }) => each, envelopeCard)}
          ${envelopes.length === 0 ? html`<p class="nothing">empty</p>` : nothing}
        </div>
        <p class="deleted">${deleted === undefined ? html`&nbsp;` : `deleted up to #${deleted}`}</p>
      </div>
    `;
  }
}

function envelopeCard(envelope: Envelope): TemplateResult {
  return html`
    <div class="envelope" ?data-deleted=${!isHeld(envelope)} ?data-leaving=${envelope.leaving}>
      <div class="paper">
        <p class="facts">
          <span>#${envelope.seq}</span>
          <span>${envelope.heldMs === null ? size(envelope.bytes) : `held ${duration(envelope.heldMs)}`}</span>
        </p>
        <p class="bytes" aria-label="unreadable bytes">${pairs(envelope.head)}</p>
      </div>
    </div>
  `;
}

function directory(devices: readonly Device[], people: readonly Person[]): TemplateResult {
  return html`
    <table class="directory">
      <caption>
        Key directory: public keys only
      </caption>
      <thead>
        <tr>
          <th scope="col">user</th>
          <th scope="col">identity key</th>
          <th scope="col" title="One-time keys left: each starts one conversation and is handed out once">keys left</th>
        </tr>
      </thead>
      <tbody>
        ${people.map((person) => directoryRows(person, devices))}
      </tbody>
    </table>
  `;
}

function directoryRows(person: Person, devices: readonly Device[]): TemplateResult[] {
  return devices
    .filter(({ user }) => user === person.aci)
    .map(
      (device) => html`
        <tr>
          <td>
            <span
              class="dot"
              ?data-online=${device.online}
              role="img"
              aria-label=${device.online ? 'online' : 'offline'}
            ></span
            ><code>${short(device.user)}·${device.device}</code>
          </td>
          <td><code>${fingerprint(device.identityKey)}</code></td>
          <td class="number">${device.oneTimePreKeys} + ${device.kemPreKeys}</td>
        </tr>
      `,
    );
}

function short(aci: string): string {
  return aci.slice(0, 8);
}

/** The first bytes of a base64url key as hex pairs, for a person to compare at a glance. */
function fingerprint(key: string): string {
  const bytes = atob(key.replace(/-/g, '+').replace(/_/g, '/'));
  return Array.from(bytes.slice(1, 7), (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join(' ');
}

function pairs(hex: string): string {
  return hex.match(/../g)?.join(' ') ?? '';
}

function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KB`;
}
