import { html, type TemplateResult } from 'lit';
import type { Profile } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import type { RowQuestion } from './device-row.js';
import { submitted } from './submitted.js';

/** The question's `id`: there is one profile. */
export const PROFILE = 'profile';

/** Longest name, in characters, as `setProfile` takes it. */
const MAX_NAME = 64;

export interface ProfileRow {
  readonly profile: Profile;
  readonly question: RowQuestion | null;
  readonly wasAsked: boolean;
  readonly strings: Strings;
  readonly ask: (question: 'profile' | null) => void;
  readonly save: (profile: Profile) => void;
}

/** What this user calls themselves to others, and how to change it. */
export function profileRow(row: ProfileRow): TemplateResult {
  const { profile, question, wasAsked, strings, ask } = row;
  if (question) return html`<div class="device profile" part="profile-row">${form(row)}</div>`;
  return html`
    <div class="device profile" part="profile-row">
      <div class="device-text">
        <span class="profile-label">${strings.profileName}</span>
        <bdi class="profile-name">${profile.name ?? strings.noProfileName}</bdi>
      </div>
      <button
        class="plain small"
        part="profile-button"
        type="button"
        aria-label="${strings.change}: ${strings.profileName}"
        ?data-focus=${wasAsked}
        @click=${() => ask('profile')}
      >
        ${strings.change}
      </button>
    </div>
  `;
}

function form({ profile, question, strings, ask, save }: ProfileRow): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    const name = submitted(event)('name').trim();
    save({ name: name === '' ? null : name });
  };
  return html`
    <form class="device-form profile-form" @submit=${submit}>
      <label>
        <span>${strings.profileName}</span>
        <input
          name="name"
          maxlength=${MAX_NAME}
          .value=${profile.name ?? ''}
          autocomplete="nickname"
          aria-describedby="profile-note"
          data-focus
        />
      </label>
      <p class="device-note" id="profile-note">${strings.profileNote}</p>
      <div class="dialog-actions">
        <button class="plain primary" part="profile-save-button" ?disabled=${question?.running ?? false}>
          ${strings.save}
        </button>
        <button class="plain" type="button" @click=${() => ask(null)}>${strings.cancel}</button>
      </div>
    </form>
  `;
}
