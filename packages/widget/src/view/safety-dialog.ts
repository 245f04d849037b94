import { html, svg, type TemplateResult } from 'lit';
import type { SafetyNumber } from '@sotto/sdk';

import type { Strings } from '../strings.js';
import { icon } from './icons.js';

/** A QR code: `data[row][column]` is true where it is dark. */
export interface Code {
  readonly size: number;
  readonly data: readonly (readonly boolean[])[];
}

export interface SafetyDialog {
  readonly number: SafetyNumber | null;
  readonly code: Code | null;
  readonly verified: boolean;
  /** Marks as verified, or takes the mark back. */
  readonly mark: () => void;
  readonly strings: Strings;
  readonly name: string;
}

/** The safety number as digits and as a code, to be compared with the other person's over another channel. */
export function safetyDialog({ number, code, verified, mark, strings, name }: SafetyDialog): TemplateResult {
  return html`
    <dialog class="safety" part="safety-dialog" aria-labelledby="safety-title" aria-describedby="safety-note">
      <form method="dialog">
        <h2 id="safety-title">${strings.safetyTitle(name)}</h2>
        ${code === null ? '' : qrCode(code, strings.safetyCode)}
        <ol class="digits" part="safety-digits" aria-label=${strings.safetyNumber}>
          ${number?.groups.map((group) => html`<li>${group}</li>`)}
        </ol>
        <p id="safety-note">${strings.safetyNote(name)}</p>
        <p class="mark" aria-live="polite">
          ${verified ? html`${icon('verified')}<span>${strings.verified(name)}</span>` : ''}
        </p>
        <div class="dialog-actions">
          <button class="plain ${verified ? '' : 'primary'}" part="mark-button" type="button" @click=${mark}>
            ${verified ? strings.unverify : strings.verify}
          </button>
          <button class="plain" part="close-button" autofocus>${strings.close}</button>
        </div>
      </form>
    </dialog>
  `;
}

/** One path of unit squares: dark on light in either theme, as cameras want it, with the quiet zone of four modules. */
function qrCode({ size, data }: Code, label: string): TemplateResult {
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return html`<svg class="code" viewBox="-4 -4 ${size + 8} ${size + 8}" role="img" aria-label=${label}>
    ${svg`<path d=${path} />`}
  </svg>`;
}
