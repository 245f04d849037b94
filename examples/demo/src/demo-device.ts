import { DEV_APP } from '@sotto/protocol';
import { createClient, type SottoClient } from '@sotto/sdk';
import { html, LitElement, nothing, type TemplateResult } from 'lit';

import type { Person } from './people.js';
import { startWorker } from './start-worker.js';

type DeviceState =
  | { readonly state: 'opening' }
  | { readonly state: 'awake'; readonly client: SottoClient }
  | { readonly state: 'asleep'; readonly client: SottoClient }
  | { readonly state: 'broken' };

/** One person's device: a chat, and a way to put it to sleep. Only what happens here is readable. */
export class DemoDevice extends LitElement {
  static override readonly properties = {
    owner: { attribute: false },
    peer: { attribute: false },
    alone: { type: Boolean },
  };

  declare owner: Person;
  declare peer: Person;
  /** The only device on the page. */
  declare alone: boolean;

  #device: DeviceState = { state: 'opening' };
  #needsDevice = false;

  constructor() {
    super();
    this.alone = false;
  }

  // Light DOM: the page's styles and labels apply.
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override firstUpdated(): void {
    void this.#wake();
  }

  protected override render(): TemplateResult {
    const { owner, peer } = this;
    const device = this.#device;
    const client = device.state === 'awake' || device.state === 'asleep' ? device.client : null;
    const asleep = device.state === 'asleep';
    return html`
      <section class="device" aria-label="${owner.name}’s device" ?data-asleep=${asleep}>
        <header class="label">
          <h2>${owner.name}’s device</h2>
          <span class="tag readable">readable</span>
        </header>
        <div class="screen">
          <sotto-chat .client=${client} with=${peer.user} label=${peer.name} ?inert=${asleep}></sotto-chat>
          ${asleep ? this.#sleep() : nothing} ${device.state === 'broken' ? this.#broken() : nothing}
        </div>
        <footer class="tools">
          <button
            type="button"
            title="Closes or opens the client in this tab, as closing or opening the tab would"
            ?disabled=${client === null}
            @click=${this.#toggle}
          >
            ${asleep ? `Wake ${owner.name}’s device up` : `Put ${owner.name}’s device to sleep`}
          </button>
          ${
            this.alone
              ? html`<a href="./">Show the whole demo</a>`
              : html`<a href="?only=${owner.user}" target="_blank">Open ${owner.name} in a second tab</a>`
          }
        </footer>
      </section>
    `;
  }

  #sleep(): TemplateResult {
    const { owner, peer } = this;
    return html`
      <div class="cover">
        <p><strong>${owner.name}’s device is asleep.</strong></p>
        <p>What ${peer.name} writes now waits at the relay, sealed.</p>
        <button class="primary" type="button" @click=${this.#toggle}>Wake up</button>
      </div>
    `;
  }

  #broken(): TemplateResult {
    return html`
      <div class="cover">
        <p><strong>This browser does not let the demo store its keys.</strong></p>
        <p>Private windows and strict settings can cause that. Try an ordinary window.</p>
      </div>
    `;
  }

  readonly #toggle = (): void => {
    void (this.#device.state === 'awake' ? this.#fallAsleep(this.#device.client) : this.#wake());
  };

  /** Closes the client, as closing the tab would. Another tab of the same person stays awake. */
  async #fallAsleep(client: SottoClient): Promise<void> {
    this.#to({ state: 'asleep', client });
    await client.close();
  }

  async #wake(): Promise<void> {
    const { user } = this.owner;
    try {
      const token = (): Promise<string> => devToken(user, this.#needsDevice);
      const client = await createClient({
        relay: location.origin,
        app: DEV_APP,
        user,
        token,
        receipts: 'always',
        worker: startWorker,
      });
      client.connection.subscribe(({ state }) => {
        if (state === 'needs-device') this.#needsDevice = true;
        if (state === 'online') this.#needsDevice = false;
      });
      this.#to({ state: 'awake', client });
    } catch (error) {
      console.error(error);
      this.#to({ state: 'broken' });
    }
  }

  #to(device: DeviceState): void {
    this.#device = device;
    this.requestUpdate();
  }
}

/**
 * In the demo the relay itself signs tokens for anyone; in an app your own backend does, for whom it has logged in.
 *
 * @param reset asks for one that permits to start afresh; an app's backend would first make sure of the person
 */
async function devToken(user: string, reset: boolean): Promise<string> {
  const response = await fetch(`/dev/token?user=${encodeURIComponent(user)}${reset ? '&reset=true' : ''}`);
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}
