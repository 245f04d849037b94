import { html, nothing, type TemplateResult } from 'lit';
import type { Device } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import { dayOf, dayText, isoTime } from '../view/time.js';
import { submitted } from './submitted.js';

/** Longest name of a device, in UTF-16 units, as `renameDevice` takes it. */
const MAX_NAME = 64;

/** What is asked in a row at the moment. */
export type RowQuestion = {
  readonly ask: 'name' | 'removal' | 'profile';
  readonly id: string;
  readonly running: boolean;
};

export interface DeviceRow {
  readonly device: Device;
  readonly question: RowQuestion | null;
  /** It was asked before: the focus comes back to its button. */
  readonly wasAsked: boolean;
  readonly strings: Strings;
  readonly locale: string;
  readonly ask: (question: RowQuestion['ask'] | null) => void;
  readonly rename: (name: string) => void;
  readonly remove: () => void;
}

/** One device: its name, when it was last there, and what can be done with it. */
export function deviceRow(row: DeviceRow): TemplateResult {
  const { device, question, strings } = row;
  const { ask } = question ?? {};
  return html`
    <li class="device" part="device" data-id=${device.id} aria-current=${device.current ? 'true' : nothing}>
      ${ask === 'name' ? nameForm(row) : ask === 'removal' ? removal(row) : plain(row, device.name ?? strings.unnamedDevice)}
    </li>
  `;
}

function plain({ device, wasAsked, strings, locale, ask }: DeviceRow, name: string): TemplateResult {
  const [label, what] = device.current ? ([strings.rename, 'name'] as const) : ([strings.remove, 'removal'] as const);
  return html`
    <div class="device-text">
      <bdi class="device-name">${name}</bdi>
      <span class="device-note">${device.current ? strings.thisDevice : lastActivity(device, strings, locale)}</span>
    </div>
    <button
      class="plain small"
      part=${device.current ? 'rename-button' : 'remove-button'}
      type="button"
      aria-label="${label}: ${name}"
      ?data-focus=${wasAsked}
      @click=${() => ask(what)}
    >
      ${label}
    </button>
  `;
}

function lastActivity({ lastActivity: at }: Device, strings: Strings, locale: string): TemplateResult | typeof nothing {
  if (at === null || Number.isNaN(new Date(at).getTime())) return nothing;
  const day = dayText(dayOf(at), dayOf(Date.now()), locale, strings);
  return html`<time datetime=${isoTime(at)}>${strings.lastActive(day)}</time>`;
}

function nameForm({ device, question, strings, ask, rename }: DeviceRow): TemplateResult {
  const submit = (event: SubmitEvent): void => rename(submitted(event)('name'));
  return html`
    <form class="device-form" @submit=${submit}>
      <label>
        <span>${strings.deviceName}</span>
        <input name="name" maxlength=${MAX_NAME} .value=${device.name ?? ''} autocomplete="off" required data-focus />
      </label>
      <div class="dialog-actions">
        <button class="plain primary" part="save-button" ?disabled=${question?.running ?? false}>
          ${strings.save}
        </button>
        <button class="plain" type="button" @click=${() => ask(null)}>${strings.cancel}</button>
      </div>
    </form>
  `;
}

function removal({ device, question, strings, ask, remove }: DeviceRow): TemplateResult {
  const running = question?.running ?? false;
  return html`
    <div class="device-form" role="group" aria-labelledby="removal-question">
      <p id="removal-question">${strings.removeWarning(device.name ?? strings.unnamedDevice)}</p>
      <div class="dialog-actions">
        <button class="plain danger" part="remove-confirm-button" type="button" ?disabled=${running} @click=${remove}>
          ${strings.removeConfirm}
        </button>
        <button class="plain" type="button" ?disabled=${running} data-focus @click=${() => ask(null)}>
          ${strings.cancel}
        </button>
      </div>
    </div>
  `;
}
