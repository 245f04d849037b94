import { css } from 'lit';

/**
 * The public custom properties (`--sotto-*`, see the README) with their defaults, light and dark side by side. The
 * defaults meet WCAG 2.2 AA: 4.5:1 for every text, 3:1 for icons and the focus ring.
 */
export const tokens = css`
  :host {
    --_font: var(--sotto-font, inherit);
    --_background: var(--sotto-background, light-dark(#ffffff, #16191c));
    --_text: var(--sotto-text, light-dark(#1c2326, #e8ecec));
    --_muted: var(--sotto-muted, light-dark(#5d686b, #98a4a6));
    --_line: var(--sotto-line, light-dark(#e6e9e8, #2a3033));
    --_accent: var(--sotto-accent, light-dark(#136b62, #63c7b6));
    --_accent-text: var(--sotto-accent-text, light-dark(#ffffff, #0c2a26));
    --_mine: var(--sotto-bubble-mine, light-dark(#d9eee8, #1d4a44));
    --_mine-text: var(--sotto-bubble-mine-text, light-dark(#0f2b27, #e7f6f2));
    --_theirs: var(--sotto-bubble-theirs, light-dark(#f1f3f2, #252b2e));
    --_theirs-text: var(--sotto-bubble-theirs-text, var(--_text));
    --_danger: var(--sotto-danger, light-dark(#b3261e, #f2a097));
    --_radius: var(--sotto-radius, 18px);
    --_tight: min(var(--_radius), 6px);
    --_space: var(--sotto-space, 16px);

    color: var(--_text);
    background: var(--_background);
    font: var(--_font);
    line-height: 1.45;
  }

  :host([theme='light']) {
    color-scheme: light;
  }

  :host([theme='dark']) {
    color-scheme: dark;
  }

  :host([hidden]) {
    display: none;
  }

  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  p {
    margin: 0;
  }

  button,
  textarea {
    font: inherit;
    color: inherit;
    letter-spacing: inherit;
  }

  button {
    cursor: pointer;
  }

  button:disabled {
    cursor: default;
  }

  :focus-visible {
    outline: 2px solid var(--_accent);
    outline-offset: 2px;
  }

  .icon {
    display: block;
    inline-size: 1em;
    block-size: 1em;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }

  /* There for assistive technology, not for the eye. */
  .hidden-text {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 1ms !important;
      animation-delay: 0ms !important;
      transition-duration: 1ms !important;
    }
  }
`;
