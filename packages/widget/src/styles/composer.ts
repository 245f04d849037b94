import { css } from 'lit';

export const composerStyles = css`
  .composer {
    flex: none;
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    align-items: end;
    gap: 8px;
    padding: 10px var(--_space) max(12px, env(safe-area-inset-bottom));
    border-block-start: 1px solid var(--_line);
  }

  textarea {
    display: block;
    field-sizing: content;
    inline-size: 100%;
    min-block-size: 42px;
    max-block-size: min(10em, 40vh);
    padding: 9px 15px;
    resize: none;
    border: 1px solid color-mix(in srgb, var(--_muted) 70%, transparent);
    border-radius: 21px;
    background: transparent;
    /* Below 16 px, Safari on phones zooms into a focused field. */
    font-size: max(1em, 16px);
    line-height: 1.4;
    overflow-wrap: anywhere;
    scrollbar-width: thin;
  }

  textarea::placeholder {
    color: var(--_muted);
    opacity: 1;
  }

  textarea:focus-visible {
    border-color: var(--_accent);
    outline: 1px solid var(--_accent);
    outline-offset: 0;
  }

  textarea:disabled {
    opacity: 0.6;
  }

  .send {
    display: grid;
    place-items: center;
    inline-size: 42px;
    block-size: 42px;
    padding: 0;
    border: 0;
    border-radius: 50%;
    background: var(--_accent);
    color: var(--_accent-text);
    font-size: 20px;
    transition:
      background-color 150ms,
      color 150ms;
  }

  .send:disabled {
    background: color-mix(in srgb, var(--_muted) 16%, transparent);
    color: var(--_muted);
  }

  .problem {
    grid-column: 1 / -1;
    color: var(--_danger);
    font-size: 0.875em;
  }
`;
