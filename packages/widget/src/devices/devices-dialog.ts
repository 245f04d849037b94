import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { SottoError, type Device, type Profile, type SottoClient } from '@sotto/sdk';

import type { DeviceProblem, Strings } from '../strings.js';
import { deviceRow, type RowQuestion } from './device-row.js';
import { MIN_PASSPHRASE, passphraseStep, sealedStep } from './link-steps.js';
import { PROFILE, profileRow } from './profile-row.js';
import { toSealedText } from './sealed-text.js';

/**
 * What the dialog shows.
 *
 *     list --"Link another device"--> passphrase --sealed--> sealed
 *       ^--------------back-----------------+-----------------+
 */
type View =
  | { readonly view: 'list'; readonly question: RowQuestion | null }
  | { readonly view: 'passphrase'; readonly running: boolean }
  | { readonly view: 'sealed'; readonly text: string; readonly copied: boolean };

export interface DevicesDialogHost {
  /** Renders; when `focus`, then moves the focus to what the new view begins with. */
  update(focus: boolean): void;
  failed(error: unknown): void;
}

type Problem = DeviceProblem | 'passphrase-short';

const LIST: View = { view: 'list', question: null };

/** This user's devices: names, removal, and the way for a further one to join. Loaded when somebody opens it. */
export class DevicesDialog {
  #view: View = LIST;
  #problem: Problem | null = null;
  /** The row that was asked last. */
  #asked: string | null = null;

  constructor(
    private readonly client: SottoClient,
    private readonly host: DevicesDialogHost,
  ) {}

  /** What was typed or sealed is not kept on the page of a closed dialog. */
  reset(): void {
    this.#asked = null;
    this.#to(LIST, false);
  }

  render(devices: readonly Device[], profile: Profile, strings: Strings, locale: string): TemplateResult {
    const isList = this.#view.view === 'list';
    return html`
      <h2 id="devices-title">${isList ? strings.ownDevices : strings.linkOther}</h2>
      ${isList ? this.#profile(profile, strings) : nothing} ${this.#content(devices, strings, locale)}
      <p class="device-problem" role="alert">
        ${this.#problem === null ? nothing : html`<span>${problemText(this.#problem, strings)}</span>`}
      </p>
      ${isList ? this.#listActions(strings) : nothing}
    `;
  }

  #content(devices: readonly Device[], strings: Strings, locale: string): TemplateResult {
    const view = this.#view;
    const back = (): void => this.#to(LIST);
    switch (view.view) {
      case 'list':
        return this.#list(devices, view.question, strings, locale);
      case 'passphrase':
        return passphraseStep({
          strings,
          running: view.running,
          seal: (passphrase, again) => void this.#seal(passphrase, again),
          back,
        });
      case 'sealed': {
        const { text, copied } = view;
        return sealedStep({ strings, text, copied, copy: (field) => void this.#copy(field), back });
      }
    }
  }

  #profile(profile: Profile, strings: Strings): TemplateResult {
    const question = this.#view.view === 'list' ? this.#view.question : null;
    return profileRow({
      profile,
      question: question?.ask === 'profile' ? question : null,
      wasAsked: this.#asked === PROFILE,
      strings,
      ask: (ask) => this.#ask(ask === null ? null : { ask, id: PROFILE, running: false }),
      save: (fresh) => void this.#answer(() => this.client.setProfile(fresh)),
    });
  }

  #list(devices: readonly Device[], question: RowQuestion | null, strings: Strings, locale: string): TemplateResult {
    const row = (device: Device): TemplateResult =>
      deviceRow({
        device,
        question: question?.id === device.id ? question : null,
        wasAsked: this.#asked === device.id,
        strings,
        locale,
        ask: (ask) => this.#ask(ask === null ? null : { ask, id: device.id, running: false }),
        rename: (name) => void this.#answer(() => this.client.renameDevice(name)),
        remove: () => void this.#answer(() => this.client.removeDevice(device.id)),
      });
    // This device first: it is the one that the person looks for.
    const sorted = devices.toSorted((a, b) => Number(b.current) - Number(a.current));
    return html`<ul class="devices">
      ${repeat(sorted, ({ id }) => id, row)}
    </ul>`;
  }

  #listActions(strings: Strings): TemplateResult {
    return html`
      <form class="dialog-actions" method="dialog">
        <button
          class="plain primary"
          part="link-other-button"
          type="button"
          @click=${() => this.#to({ view: 'passphrase', running: false })}
        >
          ${strings.linkOther}
        </button>
        <button class="plain" part="devices-close-button" data-focus>${strings.close}</button>
      </form>
    `;
  }

  #ask(question: RowQuestion | null): void {
    if (question) this.#asked = question.id;
    this.#to({ view: 'list', question });
  }

  async #answer(act: () => Promise<void>): Promise<void> {
    if (this.#view.view !== 'list' || this.#view.question === null) return;
    const asked = this.#view.question;
    const running: View = { view: 'list', question: { ...asked, running: true } };
    this.#to(running, false);
    const problem = await this.#problemOf(act());
    if (this.#view !== running) return;
    if (problem === null) this.#ask(null);
    else this.#to({ view: 'list', question: asked }, false, problem);
  }

  async #seal(passphrase: string, again: string): Promise<void> {
    const asking: View = { view: 'passphrase', running: false };
    const slip = slipIn(passphrase, again);
    if (slip !== null) {
      this.#to(asking, false, slip);
      return;
    }
    const running: View = { view: 'passphrase', running: true };
    this.#to(running, false);
    const exporting = this.client.exportDevice(passphrase);
    const problem = await this.#problemOf(exporting);
    // Closed or gone back meanwhile: what was sealed is not shown any more.
    if (this.#view !== running) return;
    if (problem !== null) this.#to(asking, false, problem);
    else this.#to({ view: 'sealed', text: toSealedText(await exporting), copied: false });
  }

  async #copy(field: HTMLTextAreaElement): Promise<void> {
    const sealed = this.#view;
    if (sealed.view !== 'sealed') return;
    try {
      await navigator.clipboard.writeText(sealed.text);
      if (this.#view === sealed) this.#to({ ...sealed, copied: true }, false);
    } catch {
      // Not every page may use the clipboard: what is selected can be copied by hand.
      field.focus();
      field.select();
    }
  }

  async #problemOf(done: Promise<unknown>): Promise<DeviceProblem | null> {
    try {
      await done;
      return null;
    } catch (error) {
      this.host.failed(error);
      return error instanceof SottoError ? error.code : 'other';
    }
  }

  #to(view: View, focus = true, problem: Problem | null = null): void {
    this.#view = view;
    this.#problem = problem;
    this.host.update(focus);
  }
}

function slipIn(passphrase: string, again: string): Problem | null {
  if (passphrase.length < MIN_PASSPHRASE) return 'passphrase-short';
  return passphrase === again ? null : 'passphrases-differ';
}

function problemText(problem: Problem, strings: Strings): string {
  return problem === 'passphrase-short' ? strings.passphraseShort(MIN_PASSPHRASE) : strings.deviceProblem(problem);
}
