import { html, nothing, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';
import type { Conversation, IdentityState, Presence, Profile, SafetyNumber } from '@sotto/sdk';

import type { SottoAction } from '../events.js';
import type { Strings } from '../strings.js';
import { safetyDialog, type Code } from '../view/safety-dialog.js';
import { LiveController } from './live.js';

/** The other user: whether they are there, and whether they are who they say. */
export class ContactController implements ReactiveController {
  #conversation: Conversation | null = null;
  #number: SafetyNumber | null = null;
  #code: Code | null = null;
  readonly #presence: LiveController<Presence>;
  readonly #profile: LiveController<Profile>;
  readonly #identity: LiveController<IdentityState>;

  /**
   * @param dialog found after each render
   * @param leave where the focus goes when the person has answered the banner, which is gone then
   */
  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly dialog: () => HTMLDialogElement | null,
    private readonly failed: (action: SottoAction, error: unknown) => void,
    private readonly leave: () => void,
  ) {
    this.#presence = new LiveController<Presence>(host);
    this.#profile = new LiveController<Profile>(host);
    // The number on screen is of keys that may be gone now.
    this.#identity = new LiveController<IdentityState>(host, ({ state }) => {
      if (state === 'changed') this.dialog()?.close();
    });
    host.addController(this);
  }

  open(conversation: Conversation | null): void {
    this.dialog()?.close();
    this.#conversation = conversation;
    this.#number = null;
    this.#presence.observe(conversation?.presence ?? null);
    this.#profile.observe(conversation?.profile ?? null);
    this.#identity.observe(conversation?.identity ?? null);
  }

  hostDisconnected(): void {
    this.dialog()?.close();
  }

  get presence(): Presence | null {
    return this.#presence.value;
  }

  /** What they call themselves; null if they have not said. */
  get ownName(): string | null {
    return this.#profile.value?.name ?? null;
  }

  get identity(): IdentityState['state'] {
    return this.#identity.value?.state ?? 'unknown';
  }

  typing(): void {
    this.#conversation?.typing();
  }

  readonly show = async (): Promise<void> => {
    const conversation = this.#conversation;
    if (!conversation) return;
    try {
      const number = await conversation.safetyNumber();
      // Only who compares needs the library.
      const { encode } = await import('uqr');
      if (conversation !== this.#conversation) return;
      this.#number = number;
      this.#code = encode([...number.scannable], { ecc: 'L', border: 0 });
      this.host.requestUpdate();
      await this.host.updateComplete;
      this.dialog()?.showModal();
    } catch (error) {
      this.failed('verify', error);
    }
  };

  /** The notice that the identity has changed, with what the person can do; its container is always there, as it is announced. */
  banner(strings: Strings, name: string): TemplateResult {
    const identity = this.#identity.value;
    return html`<div class="identity" part="identity" aria-live="assertive">
      ${
        identity?.state === 'changed'
          ? html`
              <p class="line grave">${strings.identityQuestion(name, identity)}</p>
              <p class="actions">
                <button class="plain" part="verify-button" type="button" @click=${this.show}>${strings.compare}</button>
                <button class="plain" part="accept-button" type="button" @click=${() => this.#accept(identity.key)}>
                  ${identity.held ? strings.acceptIdentity : strings.dismissIdentity}
                </button>
              </p>
            `
          : nothing
      }
    </div>`;
  }

  safetyDialog(strings: Strings, name: string): TemplateResult {
    const verified = this.identity === 'verified';
    const mark = verified ? this.#unverify : this.#verify;
    return safetyDialog({ number: this.#number, code: this.#code, verified, mark, strings, name });
  }

  /** The key that the person sees; should there be another one by now, the banner says so again. */
  #accept(key: string): void {
    this.#do((conversation) => conversation.acceptIdentity(key));
    this.leave();
  }

  readonly #unverify = (): void => this.#do((conversation) => conversation.unverify());
  readonly #verify = (): void =>
    this.#do(async (conversation) => {
      const fits = this.#number !== null && (await conversation.verify(this.#number.digits));
      if (!fits) throw new Error('the keys have changed meanwhile');
    });

  #do(what: (conversation: Conversation) => Promise<unknown>): void {
    if (!this.#conversation) return;
    what(this.#conversation).catch((error: unknown) => this.failed('verify', error));
  }
}
