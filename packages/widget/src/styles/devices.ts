import { css } from 'lit';

/** The dialog of devices and the panel for linking; adopted when one of them is loaded. */
export const devicesStyles = css`
  .own-devices[open] {
    display: grid;
    gap: 16px;
    inline-size: min(26rem, calc(100vw - 32px));
  }

  .own-devices h2 {
    text-align: center;
  }

  .own-devices form {
    justify-items: stretch;
    text-align: start;
  }

  .own-devices form.dialog-actions {
    display: flex;
    gap: 8px;
  }

  .devices {
    display: grid;
    margin: 0;
    padding: 0;
    list-style: none;
  }

  .device {
    display: flex;
    align-items: center;
    gap: 12px;
    min-block-size: 60px;
    padding-block: 10px;
  }

  .device + .device {
    border-block-start: 1px solid var(--_line);
  }

  .device-text {
    flex: 1;
    display: grid;
    min-inline-size: 0;
  }

  .profile {
    border-block-end: 1px solid var(--_line);
  }

  .profile-name,
  .device-name {
    font-weight: 500;
    overflow-wrap: anywhere;
  }

  .profile-label,
  .device-note,
  .step .note {
    color: var(--_muted);
    font-size: 0.875em;
  }

  .device[aria-current] .device-note {
    color: var(--_accent);
  }

  .device-form {
    flex: 1;
    display: grid;
    gap: 12px;
    min-inline-size: 0;
    font-size: 0.9375em;
  }

  .plain.small {
    flex: none;
    font-size: 0.875em;
  }

  .step {
    display: grid;
    gap: 14px;
  }

  .step p {
    text-wrap: pretty;
  }

  .step label,
  .device-form label {
    display: grid;
    gap: 4px;
    font-size: 0.875em;
    font-weight: 500;
  }

  .step textarea,
  .step input,
  .device-form input {
    inline-size: 100%;
    min-block-size: 42px;
    padding: 8px 14px;
    border: 1px solid color-mix(in srgb, var(--_muted) 70%, transparent);
    border-radius: 14px;
    background: var(--_background);
    color: inherit;
    font: inherit;
    font-size: max(1rem, 16px);
    font-weight: 400;
  }

  .step textarea {
    field-sizing: fixed;
    max-block-size: none;
    border-radius: 14px;
    font-family: ui-monospace, monospace;
    font-size: max(0.8125em, 13px);
    line-height: 1.5;
    overflow-wrap: anywhere;
    word-break: break-all;
  }

  .step input:focus-visible,
  .device-form input:focus-visible {
    border-color: var(--_accent);
    outline: 1px solid var(--_accent);
    outline-offset: 0;
  }

  .link-form {
    flex: none;
    box-sizing: border-box;
    inline-size: 100%;
    max-inline-size: 30rem;
    max-block-size: 75%;
    margin-inline: auto;
    padding: 16px var(--_space);
    overflow-y: auto;
  }

  .device-problem {
    color: var(--_danger);
    font-size: 0.875em;
    text-align: center;
    text-wrap: balance;
  }

  .device-problem:not(:has(span)) {
    display: none;
  }
`;
