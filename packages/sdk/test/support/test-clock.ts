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

  /** Somebody sets the clock: no time passes, and no timer fires. */
  set(ms: number): void {
    this.#set += ms;
  }

  advance(ms: number): void {
    this.#ahead += ms;
    for (const timer of [...this.#timers]) if (timer.at <= this.ticks()) timer.run();
  }
}

/** Half a second at a time: what it sets off runs before the next. */
async function step(clock: Pick<TestClock, 'advance'>): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  clock.advance(500);
}

/** Lets so many milliseconds pass. */
export async function pass(clock: Pick<TestClock, 'advance' | 'ticks'>, ms: number): Promise<void> {
  for (const end = clock.ticks() + ms; clock.ticks() < end;) await step(clock);
}

/** Lets time pass until the promise is kept: also what is set on its way there comes due. */
export async function passUntil<T>(clock: Pick<TestClock, 'advance'>, promise: Promise<T>): Promise<T> {
  const kept = promise.then((value) => ({ value }));
  for (;;) {
    await step(clock);
    const outcome = await Promise.race([kept, Promise.resolve(null)]);
    if (outcome) return outcome.value;
  }
}
