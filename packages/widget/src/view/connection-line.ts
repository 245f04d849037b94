import { html, nothing, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';
import type { ConnectionState } from '@sotto/sdk';

import type { Strings } from '../strings.js';

type NeedsDevice = Extract<ConnectionState, { state: 'needs-device' }>;

/** The other way out of `needs-device`. */
export interface Linking {
  /** The panel while it is open, else null. */
  panel(connection: ConnectionState | null, strings: Strings): TemplateResult | null;
  startLinking(): Promise<void>;
}

/** Where the question whether to start afresh stands. */
type ResetStep = 'offered' | 'asking' | 'running' | 'failed';

/**
 * One quiet line about the connection, nothing while all is well. Its container is always there, as assistive technology
 * announces only what changes inside a live region that it knows.
 */
export class ConnectionLine implements ReactiveController {
  #step: ResetStep = 'offered';
  #state: ConnectionState['state'] | null = null;
  #tried = false;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly linking: Linking,
    private readonly resetFailed: (error: unknown) => void,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.#step = 'offered';
  }

  render(connection: ConnectionState | null, strings: Strings, name: string): TemplateResult {
    this.#follow(connection?.state ?? null);
    const panel = this.linking.panel(connection, strings);
    const content = connection === null || panel ? nothing : this.#content(connection, strings, name);
    return html`<div class="connection" part="connection" role="status" data-state=${connection?.state ?? nothing}>
        ${content}
      </div>
      ${panel ?? nothing}`;
  }

  /** A reset goes through `connecting`; when it ends where it began, it was refused. */
  #follow(state: ConnectionState['state'] | null): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#step = state === 'needs-device' && this.#tried ? 'failed' : 'offered';
    if (state !== 'connecting' && state !== 'offline') this.#tried = false;
  }

  #content(connection: ConnectionState, strings: Strings, name: string): TemplateResult | typeof nothing {
    switch (connection.state) {
      case 'online':
        return connection.left === 0 ? nothing : line(strings.catchingUp(connection.left), 'busy');
      case 'connecting':
        return line(strings.connecting, 'busy');
      case 'offline':
        return line(strings.offline, 'quiet');
      case 'signed-out':
        return line(strings.signedOut(connection.code), 'grave');
      case 'needs-device':
        return this.#needsDevice(connection, strings, name);
      case 'storage-failed':
        return line(strings.storageFailed(connection.code), 'grave');
      case 'closed':
        return line(strings.closed, 'quiet');
    }
  }

  #needsDevice(connection: NeedsDevice, strings: Strings, name: string): TemplateResult {
    if (this.#step === 'offered') {
      return html`
        <p class="line grave">${needsDeviceText(connection.code, strings)}</p>
        <p class="actions">
          <button class="plain" part="link-button" type="button" @click=${() => void this.linking.startLinking()}>
            ${strings.linkOffer}
          </button>
          <button class="plain" part="reset-button" type="button" @click=${() => this.#to('asking')}>
            ${strings.resetOffer}
          </button>
        </p>
      `;
    }
    const running = this.#step === 'running';
    return html`
      <p class="line grave">${this.#step === 'failed' ? strings.resetFailed : strings.resetWarning(name)}</p>
      <p class="actions">
        <button
          class="plain danger"
          part="reset-confirm-button"
          type="button"
          ?disabled=${running}
          @click=${() => this.#reset(connection)}
        >
          ${strings.resetConfirm}
        </button>
        <button class="plain" type="button" ?disabled=${running} @click=${() => this.#to('offered')}>
          ${strings.cancel}
        </button>
      </p>
    `;
  }

  async #reset(connection: NeedsDevice): Promise<void> {
    this.#tried = true;
    this.#to('running');
    try {
      await connection.reset();
    } catch (error) {
      this.#to('failed');
      this.resetFailed(error);
    }
  }

  #to(step: ResetStep): void {
    this.#step = step;
    this.host.requestUpdate();
  }
}

/** After a try to link that the relay refused, why. What is said of a reset that was refused depends on who tried. */
function needsDeviceText(code: NeedsDevice['code'], strings: Strings): string {
  return code === 'link-token-invalid' || code === 'device-limit' ? strings.deviceProblem(code) : strings.needsDevice;
}

function line(text: string, tone: 'busy' | 'quiet' | 'grave'): TemplateResult {
  return html`<p class="line ${tone}">${text}</p>`;
}
