import { css } from 'lit';

/** Messages, separators, notices. */
export const listStyles = css`
  /* Reversed, with one child: scrollTop counts from the end. See ScrollKeeper. */
  .scroller {
    display: flex;
    flex-direction: column-reverse;
    block-size: 100%;
    overflow-x: hidden;
    overflow-y: auto;
    overflow-anchor: none;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    scrollbar-color: color-mix(in srgb, var(--_muted) 40%, transparent) transparent;
  }

  .scroller:focus-visible {
    outline-offset: -2px;
  }

  .list {
    flex: none;
    position: relative;
    padding-inline: var(--_space);
  }

  .top {
    block-size: 1px;
  }

  .end {
    block-size: 16px;
  }

  .earlier {
    block-size: 2.5em;
    color: var(--_muted);
    font-size: 0.8125em;
    line-height: 2.5em;
    text-align: center;
  }

  .message {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    margin-block-start: 3px;
  }

  .message.first {
    margin-block-start: 12px;
  }

  .message.mine {
    align-items: flex-end;
  }

  .bubble {
    max-inline-size: min(85%, 36rem);
    padding: 8px 13px;
    border-radius: var(--_radius);
    background: var(--_theirs);
    color: var(--_theirs-text);
  }

  .mine > .bubble {
    background: var(--_mine);
    color: var(--_mine-text);
  }

  /* Within a group the side of the speaker stays tight, so that the group reads as one. */
  .theirs:not(.first) > .bubble {
    border-start-start-radius: var(--_tight);
  }

  .theirs:not(.last) > .bubble {
    border-end-start-radius: var(--_tight);
  }

  .mine:not(.first) > .bubble {
    border-start-end-radius: var(--_tight);
  }

  .mine:not(.last) > .bubble {
    border-end-end-radius: var(--_tight);
  }

  .text {
    display: block;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    unicode-bidi: plaintext;
  }

  [data-kind='unknown'] .text {
    font-style: italic;
  }

  .meta {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 6px;
    margin-block-start: 3px;
    padding-inline: 4px;
    color: var(--_muted);
    font-size: 0.75em;
    font-variant-numeric: tabular-nums;
  }

  .mine > .meta {
    justify-content: flex-end;
  }

  .status {
    font-size: 1.2em;
  }

  .status.read {
    color: var(--_accent);
  }

  .status.failed,
  .failure {
    color: var(--_danger);
  }

  .link {
    padding: 2px;
    border: 0;
    background: none;
    color: var(--_accent);
    font-weight: 600;
    text-decoration: underline;
    text-underline-offset: 2px;
  }

  .day,
  .unread {
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 12px;
    margin-block: 20px 14px;
    color: var(--_muted);
    font-size: 0.75em;
    font-weight: 500;
  }

  .unread {
    color: var(--_accent);
  }

  .unread::before,
  .unread::after {
    content: '';
    flex: 1;
    border-block-start: 1px solid color-mix(in srgb, var(--_accent) 35%, transparent);
  }

  .notice {
    display: flex;
    justify-content: center;
    gap: 8px;
    max-inline-size: 34rem;
    margin: 14px auto;
    color: var(--_muted);
    font-size: 0.8125em;
    text-wrap: pretty;
    overflow-wrap: anywhere;
  }

  .notice .icon {
    flex: none;
    margin-block-start: 0.2em;
  }

  .empty {
    position: absolute;
    inset: 0;
    display: grid;
    align-content: center;
    justify-items: center;
    gap: 4px;
    padding: var(--_space);
    color: var(--_muted);
    font-size: 0.9375em;
    text-align: center;
    text-wrap: balance;
    pointer-events: none;
    /* Late, as the stored messages may be a moment away. */
    animation: late 300ms 300ms ease-out backwards;
  }

  .empty-title {
    color: var(--_text);
    font-size: 1.125em;
    font-weight: 600;
    overflow-wrap: anywhere;
  }
`;
