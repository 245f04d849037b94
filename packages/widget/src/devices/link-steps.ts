import { html, nothing, type TemplateResult } from 'lit';

import type { Strings } from '../strings.js';
import { submitted } from './submitted.js';

/**
 * Shortest passphrase that is taken, in UTF-16 units. Whoever gets hold of the sealed text may guess for ever, and inside
 * is the identity key; twelve characters are what three or four words have.
 */
export const MIN_PASSPHRASE = 12;

export interface PassphraseStep {
  readonly strings: Strings;
  readonly running: boolean;
  readonly seal: (passphrase: string, again: string) => void;
  readonly back: () => void;
}

/** Asks for the passphrase, twice: a slip would show only on the other device. */
export function passphraseStep({ strings, running, seal, back }: PassphraseStep): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    const field = submitted(event);
    seal(field('passphrase'), field('again'));
  };
  return html`
    <form class="step" @submit=${submit}>
      <p class="note">${strings.linkOtherNote}</p>
      <label>
        <span>${strings.passphrase}</span>
        <input type="password" name="passphrase" autocomplete="new-password" required data-focus />
      </label>
      <label>
        <span>${strings.passphraseAgain}</span>
        <input type="password" name="again" autocomplete="new-password" required />
      </label>
      <div class="dialog-actions">
        <button class="plain primary" part="seal-button" ?disabled=${running}>
          ${running ? strings.sealing : strings.seal}
        </button>
        <button class="plain" type="button" @click=${back}>${strings.back}</button>
      </div>
    </form>
  `;
}

export interface SealedStep {
  readonly strings: Strings;
  readonly text: string;
  readonly copied: boolean;
  readonly copy: (field: HTMLTextAreaElement) => void;
  readonly back: () => void;
}

/** Shows the sealed text, to be carried to the other device. */
export function sealedStep({ strings, text, copied, copy, back }: SealedStep): TemplateResult {
  const find = (event: Event): HTMLTextAreaElement | null =>
    (event.currentTarget as HTMLElement).closest('.step')?.querySelector('textarea') ?? null;
  const onCopy = (event: Event): void => {
    const field = find(event);
    if (field) copy(field);
  };
  const select = (event: Event): void => (event.currentTarget as HTMLTextAreaElement).select();
  return html`
    <div class="step">
      <p class="note">${strings.sealedNote}</p>
      <textarea
        part="sealed-text"
        aria-label=${strings.sealedText}
        rows="5"
        readonly
        .value=${text}
        @focus=${select}
      ></textarea>
      <div class="dialog-actions">
        <button class="plain primary" part="copy-button" type="button" data-focus @click=${onCopy}>
          ${copied ? strings.copied : strings.copy}
        </button>
        <button class="plain" type="button" @click=${back}>${strings.done}</button>
      </div>
      <span class="hidden-text" role="status">${copied ? strings.copied : nothing}</span>
    </div>
  `;
}
