import { html, type ReactiveControllerHost, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Notice, SottoClient } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import { icon } from '../view/icons.js';
import { LiveController } from './live.js';

/** What concerns this device as a whole, a line each until dismissed. The container is always there, as it is announced. */
export class NoticeLines {
  #client: SottoClient | null = null;
  readonly #notices: LiveController<readonly Notice[]>;

  constructor(
    host: ReactiveControllerHost,
    private readonly failed: (error: unknown) => void,
  ) {
    this.#notices = new LiveController<readonly Notice[]>(host);
  }

  of(client: SottoClient | null): void {
    this.#client = client;
    this.#notices.observe(client?.notices ?? null);
  }

  render(strings: Strings): TemplateResult {
    return html`<div class="notices" part="notices" aria-live="polite">
      ${repeat(
        this.#notices.value ?? [],
        ({ code }) => code,
        (notice) => this.#line(notice, strings),
      )}
    </div>`;
  }

  #line(notice: Notice, strings: Strings): TemplateResult {
    return html`<div class="notice-line">
      <p>${strings.notice(notice)}</p>
      <button
        part="dismiss-button"
        type="button"
        aria-label=${strings.dismissNotice}
        title=${strings.dismissNotice}
        @click=${() => this.#dismiss(notice)}
      >
        ${icon('close')}
      </button>
    </div>`;
  }

  #dismiss({ code }: Notice): void {
    this.#client?.dismiss(code).catch(this.failed);
  }
}
