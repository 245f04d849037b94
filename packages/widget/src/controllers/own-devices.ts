import {
  html,
  nothing,
  type CSSResult,
  type ReactiveController,
  type ReactiveControllerHost,
  type TemplateResult,
} from 'lit';
import type { ConnectionState, Device, Profile, SottoClient } from '@sotto/sdk';

import type { DevicesDialog } from '../devices/devices-dialog.js';
import type { LinkPanel } from '../devices/link-panel.js';
import type { SottoAction } from '../events.js';
import type { Strings } from '../strings.js';
import { icon } from '../view/icons.js';
import { LiveController } from './live.js';

/** Nothing can be read, or nothing is there to be read. */
const NO_DEVICES: ReadonlySet<ConnectionState['state']> = new Set(['needs-device', 'storage-failed', 'closed']);

/** This user's own devices: a dialog with them, and the panel that makes this browser one. Both are loaded when asked for. */
export class OwnDevices implements ReactiveController {
  #client: SottoClient | null = null;
  #dialog: DevicesDialog | null = null;
  #panel: LinkPanel | null = null;
  readonly #devices: LiveController<readonly Device[]>;
  readonly #profile: LiveController<Profile>;

  /** @param root where the styles go, and where the dialog is found after a render */
  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly root: () => ShadowRoot | null,
    private readonly failed: (action: SottoAction, error: unknown) => void,
  ) {
    this.#devices = new LiveController<readonly Device[]>(host);
    this.#profile = new LiveController<Profile>(host);
    host.addController(this);
  }

  of(client: SottoClient | null): void {
    if (client === this.#client) return;
    this.#close();
    this.#client = client;
    this.#dialog = null;
    this.#panel = null;
  }

  hostDisconnected(): void {
    this.#close();
  }

  readonly show = async (): Promise<void> => {
    const client = this.#client;
    if (client === null) return;
    try {
      const [{ DevicesDialog }] = await Promise.all([import('../devices/devices-dialog.js'), this.#adoptStyles()]);
      if (client !== this.#client) return;
      this.#dialog ??= new DevicesDialog(client, {
        update: (focus) => void this.#update(focus ? '.own-devices' : null),
        failed: (error) => this.failed('devices', error),
      });
      this.#devices.observe(client.devices);
      this.#profile.observe(client.profile);
      await this.#update(null);
      const element = this.#element();
      if (element?.open === false) element.showModal();
    } catch (error) {
      this.failed('devices', error);
    }
  };

  /** Opens the panel that asks for a sealed text. */
  readonly startLinking = async (): Promise<void> => {
    const client = this.#client;
    try {
      const [{ LinkPanel }] = await Promise.all([import('../devices/link-panel.js'), this.#adoptStyles()]);
      if (client !== this.#client) return;
      this.#panel = new LinkPanel({
        update: () => this.host.requestUpdate(),
        failed: (error) => this.failed('link', error),
      });
      await this.#update('.link-form');
    } catch (error) {
      this.failed('link', error);
    }
  };

  /** Where there is no device of this user's yet, there is none to show. */
  button(connection: ConnectionState | null, strings: Strings): TemplateResult | typeof nothing {
    if (connection === null || NO_DEVICES.has(connection.state)) return nothing;
    return html`<button
      class="devices-button"
      part="devices-button"
      type="button"
      title=${strings.ownDevices}
      aria-label=${strings.ownDevices}
      @click=${this.show}
    >
      ${icon('devices')}
    </button>`;
  }

  dialog(strings: Strings, locale: string): TemplateResult | typeof nothing {
    if (this.#dialog === null) return nothing;
    return html`<dialog
      class="safety own-devices"
      part="devices-dialog"
      aria-labelledby="devices-title"
      @close=${this.#closed}
    >
      ${this.#dialog.render(this.#devices.value ?? [], this.#profile.value ?? { name: null }, strings, locale)}
    </dialog>`;
  }

  /** The panel while it is open and of use, else null. */
  panel(connection: ConnectionState | null, strings: Strings): TemplateResult | null {
    if (connection?.state !== 'needs-device') {
      // It did its work, or another tab did.
      this.#panel = null;
      return null;
    }
    return this.#panel?.render(connection, strings, this.#cancel) ?? null;
  }

  readonly #cancel = (): void => {
    this.#panel = null;
    this.host.requestUpdate();
  };

  readonly #closed = (): void => {
    this.#devices.observe(null);
    this.#profile.observe(null);
    this.#dialog?.reset();
  };

  #close(): void {
    this.#element()?.close();
  }

  #element(): HTMLDialogElement | null {
    return this.root()?.querySelector<HTMLDialogElement>('.own-devices') ?? null;
  }

  async #update(focusWithin: string | null): Promise<void> {
    this.host.requestUpdate();
    await this.host.updateComplete;
    if (focusWithin !== null) this.root()?.querySelector<HTMLElement>(`${focusWithin} [data-focus]`)?.focus();
  }

  async #adoptStyles(): Promise<void> {
    const { devicesStyles } = await import('../styles/devices.js');
    adopt(this.root(), devicesStyles);
  }
}

/** Once per root. A sheet, not a `<style>`: strict policies forbid the latter. */
function adopt(root: ShadowRoot | null, { styleSheet }: CSSResult): void {
  if (!root || !styleSheet || root.adoptedStyleSheets.includes(styleSheet)) return;
  root.adoptedStyleSheets.push(styleSheet);
}
