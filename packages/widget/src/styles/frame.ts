import { css } from 'lit';

/** The frame around the conversation: header, connection line, body. */
export const frameStyles = css`
  :host {
    display: block;
    block-size: 32rem;
    max-block-size: 100%;
    min-inline-size: 0;
    overflow: hidden;
  }

  .frame {
    display: flex;
    flex-direction: column;
    block-size: 100%;
  }

  .header {
    flex: none;
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 12px var(--_space);
    border-block-end: 1px solid var(--_line);
  }

  .avatar {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 2.375em;
    block-size: 2.375em;
    border-radius: 50%;
    background: var(--_mine);
    color: var(--_mine-text);
    font-weight: 600;
  }

  .who {
    flex: 1;
    display: grid;
    min-inline-size: 0;
  }

  .name {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    font-weight: 600;
    line-height: 1.3;
  }

  .own-name {
    color: var(--_muted);
    font-weight: 400;
  }

  .encrypted {
    display: flex;
    align-items: center;
    gap: 0.3em;
    color: var(--_muted);
    font-size: 0.8125em;
    line-height: 1.3;
  }

  .connection {
    flex: none;
    background: color-mix(in srgb, var(--_muted) 9%, transparent);
    font-size: 0.875em;
    text-align: center;
    text-wrap: balance;
  }

  .line {
    padding: 8px var(--_space);
    color: var(--_muted);
  }

  .line.grave {
    color: var(--_text);
  }

  /* A connection that is there within half a second needs no word about it. */
  .line.busy {
    animation: late 200ms 500ms ease-out backwards;
  }

  .connection:has(.busy) {
    background: none;
  }

  .actions {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 8px;
    padding: 2px var(--_space) 12px;
  }

  .plain {
    padding: 6px 14px;
    border: 1px solid color-mix(in srgb, var(--_muted) 45%, transparent);
    border-radius: 999px;
    background: var(--_background);
    font-weight: 500;
  }

  .plain.danger {
    border-color: currentColor;
    color: var(--_danger);
  }

  .plain:disabled {
    opacity: 0.6;
  }

  .body {
    position: relative;
    flex: 1;
    min-block-size: 0;
  }

  .to-newest {
    position: absolute;
    inset-block-end: 12px;
    inset-inline: 0;
    margin-inline: auto;
    inline-size: fit-content;
    display: flex;
    align-items: center;
    gap: 8px;
    min-block-size: 36px;
    min-inline-size: 36px;
    padding: 6px 10px;
    border: 1px solid var(--_line);
    border-radius: 999px;
    background: var(--_background);
    color: var(--_accent);
    font-size: 0.875em;
    font-weight: 500;
    box-shadow: 0 2px 10px rgb(0 0 0 / 12%);
    animation: late 160ms ease-out;
  }

  .to-newest span {
    padding-inline-start: 4px;
  }

  @keyframes late {
    from {
      opacity: 0;
    }
  }
`;
