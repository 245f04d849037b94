import type { Strings } from '../strings.js';

/** What the rows need besides themselves. */
export interface ListContext {
  readonly strings: Strings;
  readonly locale: string;
  /** How the other user is called. */
  readonly name: string;
  /** The start of the current day, ms since the epoch. */
  readonly today: number;
  readonly retry: (messageId: string) => void;
}
