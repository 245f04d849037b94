import { createHash } from 'node:crypto';

/** How many lines are kept for the report of a failed world, unless all are asked for. */
const KEPT_LINES = 300;

/** Everything that happened, in order: two runs of one seed have the same digest. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #whole: boolean;
  #lines: string[] = [];

  /** @param whole keeps all lines instead of the last ones */
  constructor(whole: boolean) {
    this.#whole = whole;
  }

  add(line: string): void {
    this.#hash.update(line).update('\n');
    this.#lines.push(line);
    if (!this.#whole && this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
  }

  get lines(): readonly string[] {
    return this.#whole ? this.#lines : this.#lines.slice(-KEPT_LINES);
  }

  /** Ends the trace. */
  digest(): string {
    return this.#hash.digest('hex').slice(0, 16);
  }
}
