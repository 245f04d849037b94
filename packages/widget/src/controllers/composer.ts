import { html, nothing, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';
import { createRef, ref, type Ref } from 'lit/directives/ref.js';
import { SottoError, type SottoClient } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import { icon } from '../view/icons.js';
import { draftFor, keepDraft } from './drafts.js';

/** To whom the composer writes at the moment. */
export interface ComposerTarget {
  readonly client: SottoClient;
  readonly user: string;
}

/**
 * The text field and its button. Enter sends, Shift+Enter makes a new line, and an Enter that only accepts a suggestion of
 * an input method does neither. A text that could not be stored comes back into the field.
 */
export class Composer implements ReactiveController {
  #target: ComposerTarget | null = null;
  #draft = '';
  #problem: SottoError['code'] | 'other' | null = null;
  readonly #field: Ref<HTMLTextAreaElement> = createRef();

  /**
   * @param send stores the message; rejects if that fails
   * @param typing told of each change of the text
   */
  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly send: (text: string) => Promise<void>,
    private readonly typing: () => void,
  ) {
    host.addController(this);
  }

  /** Puts away the draft of the conversation so far and brings out the other one's. */
  writeTo(target: ComposerTarget | null): void {
    if (target?.client === this.#target?.client && target?.user === this.#target?.user) return;
    this.#target = target;
    this.#draft = target === null ? '' : draftFor(target.client, target.user);
    this.#problem = null;
  }

  focus(options?: FocusOptions): void {
    this.#field.value?.focus(options);
  }

  hostUpdated(): void {
    this.#grow();
  }

  render(strings: Strings, name: string, enabled: boolean): TemplateResult {
    return html`
      <form class="composer" part="composer" @submit=${this.#onSubmit}>
        ${
          this.#problem === null
            ? nothing
            : html`<p class="problem" part="problem" id="problem" role="alert">
                ${problemText(this.#problem, strings)}
              </p>`
        }
        <label class="hidden-text" for="field">${strings.messageTo(name)}</label>
        <textarea
          id="field"
          part="input"
          rows="1"
          dir="auto"
          enterkeyhint="send"
          autocomplete="off"
          placeholder=${strings.placeholder}
          aria-describedby=${this.#problem === null ? nothing : 'problem'}
          aria-invalid=${this.#problem === null ? nothing : 'true'}
          ?disabled=${!enabled}
          .value=${live(this.#draft)}
          @input=${this.#onInput}
          @keydown=${this.#onKeyDown}
          ${ref(this.#field)}
        ></textarea>
        <button
          class="send"
          part="send-button"
          type="submit"
          aria-label=${strings.send}
          title=${strings.send}
          ?disabled=${!enabled || this.#draft.trim() === ''}
        >
          ${icon('send')}
        </button>
      </form>
    `;
  }

  readonly #onInput = (): void => {
    this.#setDraft(this.#field.value?.value ?? '');
    this.#problem = null;
    if (this.#draft !== '') this.typing();
  };

  readonly #onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || isComposing(event)) return;
    event.preventDefault();
    void this.#submit();
  };

  readonly #onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    this.focus();
    void this.#submit();
  };

  async #submit(): Promise<void> {
    const target = this.#target;
    const text = this.#draft.trim();
    if (target === null || text === '') return;
    // The field is free at once: the next message can be typed while this one is being stored.
    this.#setDraft('');
    try {
      await this.send(text);
    } catch (error) {
      this.#giveBack(target, text, error instanceof SottoError ? error.code : 'other');
    }
  }

  #giveBack(target: ComposerTarget, text: string, problem: SottoError['code'] | 'other'): void {
    if (target.client !== this.#target?.client || target.user !== this.#target.user) {
      keepDraft(target.client, target.user, joined(text, draftFor(target.client, target.user)));
      return;
    }
    this.#problem = problem;
    this.#setDraft(joined(text, this.#draft));
  }

  #setDraft(draft: string): void {
    this.#draft = draft;
    if (this.#target !== null) keepDraft(this.#target.client, this.#target.user, draft);
    this.host.requestUpdate();
  }

  /** Where CSS `field-sizing` is missing, the height follows the text by script; the styles bound it. */
  #grow(): void {
    const field = this.#field.value;
    if (field === undefined || CSS.supports('field-sizing', 'content')) return;
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight}px`;
  }
}

/**
 * True while an input method composes. Safari ends the composition before the keydown of the Enter that accepted it and
 * marks that one only by the historical key code 229 (UI Events, section "keyCode").
 */
function isComposing(event: { readonly isComposing: boolean; readonly keyCode: number }): boolean {
  return event.isComposing || event.keyCode === 229;
}

function joined(first: string, second: string): string {
  return second === '' ? first : `${first}\n${second}`;
}

function problemText(problem: SottoError['code'] | 'other', strings: Strings): string {
  switch (problem) {
    case 'text-too-long':
      return strings.textTooLong;
    case 'storage-full':
      return strings.storageFull;
    case 'closed':
      return strings.closed;
    default:
      return strings.actionFailed;
  }
}
