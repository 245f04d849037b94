import type { Clock } from '../util/clock.js';

/**
 * When outbox rows that leave merged may leave: what gathers goes out together, a while after the first of it, or when a backlog
 * is drained.
 *
 *   closed --a row waits--> waiting --its time--> open --a round--> closed
 *   any --a backlog comes in--> held --it is drained--> open
 */
export class Gathering {
  #held = false;
  #open = false;
  #cancel: (() => void) | null = null;
  readonly #clock: Clock;
  readonly #opened: () => void;

  /** @param opened told when rows may leave that had to wait */
  constructor(clock: Clock, opened: () => void) {
    this.#clock = clock;
    this.#opened = opened;
  }

  /** While a backlog is coming in, everything gathers, so that it leaves as one envelope per peer. */
  hold(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    if (!held) this.#release();
  }

  /** Asked once a round. `held`: nothing of what merges may leave. `open`: all may. `closed`: what does not wait for others. */
  take(): 'held' | 'open' | 'closed' {
    if (this.#held) return 'held';
    if (!this.#open) return 'closed';
    this.#open = false;
    return 'open';
  }

  /** A row waits for others, `ms` at most. */
  wait(ms: number): void {
    this.#cancel ??= this.#clock.after(ms, () => this.#release());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #release(): void {
    this.stop();
    this.#open = true;
    this.#opened();
  }
}
