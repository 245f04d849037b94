import { css } from 'lit';

/** What concerns the device as a whole. */
export const noticeStyles = css`
  .notice-line {
    display: flex;
    align-items: flex-start;
    gap: 8px;
    padding-block: 8px;
    padding-inline: var(--_space) 8px;
    border-block-end: 1px solid var(--_line);
    font-size: 0.875em;
  }

  .notice-line p {
    flex: 1;
    padding-block: 5px;
    text-wrap: pretty;
  }

  .notice-line button {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 32px;
    block-size: 32px;
    padding: 0;
    border: 0;
    border-radius: 50%;
    background: none;
    color: var(--_muted);
    font-size: 17px;
  }

  .notice-line button:hover {
    background: color-mix(in srgb, var(--_muted) 12%, transparent);
  }
`;
