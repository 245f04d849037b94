import { systemClock, type Clock } from '../../src/util/clock.js';

interface Timer {
  readonly at: number;
  run: () => void;
  cancel: () => void;
}

/** The real clock, and it can be moved ahead: timers that are due by then fire at once. A person may set it as well. */
export class TestClock implements Clock {
  #ahead = 0;
  #set = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return systemClock.now() + this.#ahead + this.#set;
  }

  ticks(): number {
    return systemClock.ticks() + this.#ahead;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.ticks() + ms, run, cancel: () => undefined };
    const fire = (): void => {
      this.#timers.delete(timer);
      timer.cancel();
      run();
    };
    timer.run = fire;
    timer.cancel = systemClock.after(ms, fire);
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  }

  /** Lets time pass, second by second, until the promise is kept: also what is set on its way there comes due. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const kept = promise.then((value) => ({ value }));
    const soon = (): Promise<null> => new Promise((resolve) => setImmediate(resolve, null));
    for (;;) {
      this.advance(1_000);
      const outcome = await Promise.race([kept, soon()]);
      if (outcome) return outcome.value;
    }
  }

  /** Somebody sets the clock: no time passes, and no timer fires. */
  set(ms: number): void {
    this.#set += ms;
  }

  advance(ms: number): void {
    this.#ahead += ms;
    for (const timer of [...this.#timers]) if (timer.at <= this.ticks()) timer.run();
  }
}
