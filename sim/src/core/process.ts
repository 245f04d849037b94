import type { Scheduler } from './scheduler.js';

/** Time as somebody inside sees it: the clock on the wall may be wrong, the length of a wait is not. */
export interface ProcessClock {
  now(): number;
  ticks(): number;
  after(ms: number, run: () => void): () => void;
}

/**
 * A browser tab or a relay's node: everything that happens to it is an event of its own.
 *
 *   running --freeze--> frozen --thaw--> running: what came meanwhile happens now, in its order
 *   running, frozen --kill--> dead: nothing happens to it any more; what it was waiting for never comes
 */
export class Process {
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #held: (() => void)[] = [];
  readonly #scheduler: Scheduler;

  constructor(
    readonly name: string,
    scheduler: Scheduler,
  ) {
    this.#scheduler = scheduler;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** @returns what cancels it */
  after(ms: number, label: string, run: () => void): () => void {
    return this.at(this.#scheduler.now + ms, label, run);
  }

  at(time: number, label: string, run: () => void): () => void {
    let cancelled = false;
    const happen = (): void => {
      if (cancelled || this.#state === 'dead') return;
      if (this.#state === 'frozen') this.#held.push(happen);
      else run();
    };
    const cancel = this.#scheduler.at(time, `${this.name} ${label}`, happen);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  sleep(ms: number, label: string): Promise<void> {
    return new Promise((resolve) => this.after(ms, label, resolve));
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const happen of this.#held.splice(0)) this.#scheduler.after(0, `${this.name} thawed`, happen);
  }

  kill(): void {
    this.#state = 'dead';
    this.#held = [];
  }

  /** @param offset milliseconds by which the clock on the wall is wrong */
  clock(offset: () => number = () => 0): ProcessClock {
    return {
      now: () => Math.floor(this.#scheduler.now + offset()),
      ticks: () => this.#scheduler.now,
      after: (ms, run) => this.after(ms, 'timer', run),
    };
  }
}
