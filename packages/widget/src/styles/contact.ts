import { css } from 'lit';

/** Presence, typing, the change of an identity, the safety number. */
export const contactStyles = css`
  .avatar {
    position: relative;
  }

  .avatar[data-online]::after {
    content: '';
    position: absolute;
    inset-block-end: 0;
    inset-inline-end: 0;
    inline-size: 0.7em;
    block-size: 0.7em;
    border: 2px solid var(--_background);
    border-radius: 50%;
    background: var(--_accent);
  }

  .presence {
    min-block-size: 1.3em;
    color: var(--_muted);
    font-size: 0.8125em;
    line-height: 1.3;
  }

  .presence .encrypted {
    font-size: 1em;
  }

  .presence .now {
    color: var(--_accent);
  }

  .safety-button,
  .devices-button {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 40px;
    block-size: 40px;
    padding: 0;
    border: 0;
    border-radius: 50%;
    background: none;
    color: var(--_muted);
    font-size: 21px;
  }

  .safety-button + .devices-button {
    margin-inline-start: -8px;
  }

  .safety-button:hover,
  .devices-button:hover {
    background: color-mix(in srgb, var(--_muted) 12%, transparent);
  }

  .safety-button.verified {
    color: var(--_accent);
  }

  .safety-button.changed {
    color: var(--_danger);
  }

  .identity {
    flex: none;
    background: color-mix(in srgb, var(--_danger) 8%, transparent);
    font-size: 0.875em;
    text-align: center;
    text-wrap: balance;
  }

  .typing-row {
    display: flex;
    margin-block-start: 12px;
  }

  .dots {
    display: flex;
    gap: 5px;
    padding-block: 14px;
  }

  .dots i {
    inline-size: 7px;
    block-size: 7px;
    border-radius: 50%;
    background: var(--_muted);
    animation: breathe 1.2s infinite ease-in-out;
  }

  .dots i:nth-child(2) {
    animation-delay: 150ms;
  }

  .dots i:nth-child(3) {
    animation-delay: 300ms;
  }

  @keyframes breathe {
    0%,
    60%,
    100% {
      opacity: 0.35;
    }
    30% {
      opacity: 1;
    }
  }

  .safety {
    inline-size: min(24rem, calc(100vw - 32px));
    max-block-size: calc(100dvh - 32px);
    padding: 24px;
    border: 1px solid var(--_line);
    border-radius: 20px;
    background: var(--_background);
    color: var(--_text);
    box-shadow: 0 12px 48px rgb(0 0 0 / 24%);
  }

  .safety::backdrop {
    background: rgb(0 0 0 / 45%);
  }

  .safety form {
    display: grid;
    justify-items: center;
    gap: 16px;
    text-align: center;
  }

  .safety h2 {
    margin: 0;
    font-size: 1.125em;
    overflow-wrap: anywhere;
  }

  .code {
    inline-size: min(13rem, 60vw);
    border-radius: 12px;
    background: #fff;
    fill: #16191c;
    shape-rendering: crispEdges;
  }

  .digits {
    display: grid;
    grid-template-columns: repeat(4, auto);
    gap: 6px 18px;
    margin: 0;
    padding: 0;
    list-style: none;
    direction: ltr;
    font-family: ui-monospace, monospace;
    font-size: 1.0625em;
    font-variant-numeric: tabular-nums;
    letter-spacing: 0.04em;
    user-select: all;
  }

  /* Twelve groups in three rows of four, as people read them out, also on a narrow phone. */
  @media (max-width: 400px) {
    .digits {
      column-gap: 10px;
      font-size: 0.9375em;
      letter-spacing: 0;
    }
  }

  #safety-note {
    color: var(--_muted);
    font-size: 0.875em;
    text-wrap: balance;
  }

  .mark {
    display: flex;
    align-items: center;
    gap: 6px;
    color: var(--_accent);
    font-size: 0.9375em;
    font-weight: 500;
  }

  .mark:not(:has(span)) {
    display: none;
  }

  .dialog-actions {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 8px;
  }

  .plain.primary {
    border-color: transparent;
    background: var(--_accent);
    color: var(--_accent-text);
  }
`;
