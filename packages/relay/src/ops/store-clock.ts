import { systemClock, type Clock } from '../platform.js';
import type { Store } from '../store/store.js';

/**
 * The store's time, carried on by this machine's monotonic clock. All nodes of one store so agree on what is old, and a
 * wall clock that jumps (a suspended machine, a wrong NTP server, a node that boots in 1970) expires nobody's messages.
 */
export class StoreClock implements Clock {
  readonly #store: Pick<Store, 'time'>;
  readonly after: Clock['after'] = (ms, task) => systemClock.after(ms, task);
  /** What the monotonic clock lacks, milliseconds. Until the store has been asked, the wall clock has to do. */
  #offset = Date.now() - performance.now();

  constructor(store: Pick<Store, 'time'>) {
    this.#store = store;
  }

  now(): number {
    return Math.floor(this.#offset + performance.now());
  }

  /**
   * A time that has come by the store's clock and by this machine's: for deleting, which cannot be taken back. One of them that
   * jumps ahead deletes nothing; where one is behind, what has expired stays a while longer.
   */
  surely(): number {
    return Math.min(this.now(), Date.now());
  }

  /** How far the wall clock of this machine is ahead of the store, milliseconds. */
  get skew(): number {
    return Date.now() - this.now();
  }

  /** Asks the store. What lies within the time of the answer is no difference. */
  async adjust(): Promise<void> {
    const before = performance.now();
    const time = await this.#store.time();
    const after = performance.now();
    const offset = time - (before + after) / 2;
    if (Math.abs(offset - this.#offset) > (after - before) / 2 + 1) this.#offset = offset;
  }
}
