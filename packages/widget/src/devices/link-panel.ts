import { html, nothing, type TemplateResult } from 'lit';
import { SottoError, type ConnectionState } from '@sotto/sdk';

import type { DeviceProblem, Strings } from '../strings.js';
import { fromSealedText } from './sealed-text.js';
import { submitted } from './submitted.js';

type NeedsDevice = Extract<ConnectionState, { state: 'needs-device' }>;

export interface LinkPanelHost {
  update(): void;
  failed(error: unknown): void;
}

/** Takes the sealed text of another device and its passphrase. Loaded when somebody wants to link. */
export class LinkPanel {
  #running = false;
  #problem: DeviceProblem | null = null;

  constructor(private readonly host: LinkPanelHost) {}

  render(connection: NeedsDevice, strings: Strings, cancel: () => void): TemplateResult {
    return html`
      <form class="step link-form" part="link-form" @submit=${(event: SubmitEvent) => this.#submit(event, connection)}>
        <p class="note">${strings.linkNote}</p>
        <label>
          <span>${strings.sealedText}</span>
          <textarea name="sealed" rows="3" autocomplete="off" spellcheck="false" required data-focus></textarea>
        </label>
        <label>
          <span>${strings.passphrase}</span>
          <input type="password" name="passphrase" autocomplete="off" required />
        </label>
        <p class="device-problem" role="alert">
          ${this.#problem === null ? nothing : html`<span>${strings.deviceProblem(this.#problem)}</span>`}
        </p>
        <div class="dialog-actions">
          <button class="plain primary" part="link-confirm-button" ?disabled=${this.#running}>
            ${this.#running ? strings.linking : strings.link}
          </button>
          <button class="plain" type="button" @click=${cancel}>${strings.cancel}</button>
        </div>
      </form>
    `;
  }

  #submit(event: SubmitEvent, connection: NeedsDevice): void {
    const field = submitted(event);
    if (this.#running) return;
    const sealed = fromSealedText(field('sealed'));
    if (sealed === null) this.#to(false, 'link-invalid');
    else void this.#link(connection, sealed, field('passphrase'));
  }

  async #link(connection: NeedsDevice, sealed: Uint8Array, passphrase: string): Promise<void> {
    this.#to(true, null);
    try {
      await connection.link(sealed, passphrase);
      this.#to(false, null);
    } catch (error) {
      this.#to(false, error instanceof SottoError ? error.code : 'other');
      this.host.failed(error);
    }
  }

  #to(running: boolean, problem: DeviceProblem | null): void {
    this.#running = running;
    this.#problem = problem;
    this.host.update();
  }
}
