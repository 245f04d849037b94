import type { Clock } from '../platform.js';
import type { Limiter, LimitName } from './limits.js';

/** Points that a node takes at once: submits then cost a round trip to Redis only now and then. */
const BLOCK = 100;

/** A block that is not used up is worth nothing after this. */
const BLOCK_MS = 10_000;

/** Points of one limit for one key, leased in blocks. */
export class Lease {
  readonly #limiter: Limiter;
  readonly #limit: LimitName;
  readonly #key: string;
  readonly #clock: Clock;
  #left = 0;
  #until = 0;

  constructor(limiter: Limiter, limit: LimitName, key: string, clock: Clock) {
    this.#limiter = limiter;
    this.#limit = limit;
    this.#key = key;
    this.#clock = clock;
  }

  /** As {@link Limiter.take}. */
  async take(points: number): Promise<number | null> {
    const now = this.#clock.now();
    if (now >= this.#until) this.#left = 0;
    if (this.#left < points) {
      const wanted = Math.max(points, BLOCK);
      const retryAfterMs = await this.#limiter.take(this.#limit, this.#key, wanted);
      if (retryAfterMs !== null) return retryAfterMs;
      this.#left += wanted;
      this.#until = now + BLOCK_MS;
    }
    this.#left -= points;
    return null;
  }
}
