import type { Clock } from '../platform.js';
import type { Demand, Limiter } from './limits.js';

/** Points that a node takes at once: submits then cost a round trip to Redis only now and then. */
const BLOCK = 100;

/** Whoever uses up a block sooner than this gets twice as many points next time. */
const SOON_MS = 1_000;

/** Of a small budget a block is at most this part, so that a node cannot hoard it. */
const BLOCK_SHARE = 0.1;

/** A block that is not used up is worth nothing after this. */
const BLOCK_MS = 10_000;

/** Keys with a block on this node: senders of the last seconds, their users, addresses and apps. The oldest go first. */
const MAX_BLOCKS = 50_000;

/** One demand, for whoever takes from it again and again. */
export interface Lease {
  /** As {@link Limiter.take}. Null at once where the block still holds enough. */
  take(points: number): Promise<number | null> | null;
}

interface Block {
  left: number;
  /** How many points were taken, and when. */
  size: number;
  since: number;
}

/** Points of limits, leased in blocks; sessions of one user (address, app) share theirs. */
export class Leases {
  readonly #limiter: Limiter;
  readonly #clock: Clock;
  readonly #blocks = new Map<string, Block>();
  /** Blocks that are being asked for: whoever comes meanwhile waits for the answer, as one block is enough for many. */
  readonly #asked = new Map<string, Promise<number | null>>();

  constructor(limiter: Limiter, clock: Clock) {
    this.#limiter = limiter;
    this.#clock = clock;
  }

  of(demand: Demand): Lease {
    const name = `${demand.limit}/${demand.key}`;
    return { take: (points) => this.#take(name, demand, points) };
  }

  /** As {@link Limiter.take}. Null at once where the block still holds enough. */
  take(demand: Demand, points: number): Promise<number | null> | null {
    return this.of(demand).take(points);
  }

  #take(name: string, demand: Demand, points: number): Promise<number | null> | null {
    return this.#spend(name, points) ? null : this.#lease(name, demand, points);
  }

  #spend(name: string, points: number): boolean {
    const block = this.#blocks.get(name);
    if (!block || block.left < points || this.#clock.now() >= block.since + BLOCK_MS) return false;
    block.left -= points;
    return true;
  }

  async #lease(name: string, demand: Demand, points: number): Promise<number | null> {
    for (let asked = this.#asked.get(name); asked; asked = this.#asked.get(name)) {
      const retryAfterMs = await asked;
      if (retryAfterMs !== null) return retryAfterMs;
      if (this.#spend(name, points)) return null;
    }
    const asked = this.#ask(name, demand, points);
    this.#asked.set(name, asked);
    const retryAfterMs = await asked.finally(() => this.#asked.delete(name));
    if (retryAfterMs === null) this.#spend(name, points);
    return retryAfterMs;
  }

  async #ask(name: string, demand: Demand, points: number): Promise<number | null> {
    const started = this.#clock.now();
    const old = this.#blocks.get(name);
    const wish = old && started < old.since + SOON_MS ? old.size * 2 : BLOCK;
    const size = Math.max(points, Math.min(wish, Math.ceil(this.#limiter.budget(demand) * BLOCK_SHARE)));
    const retryAfterMs = await this.#limiter.take(demand, size);
    if (retryAfterMs !== null) return retryAfterMs;
    const since = this.#clock.now();
    // What is left of the old block is still good.
    const left = old && since < old.since + BLOCK_MS ? old.left : 0;
    this.#blocks.delete(name);
    this.#blocks.set(name, { left: left + size, size, since });
    if (this.#blocks.size > MAX_BLOCKS) for (const oldest of this.#blocks.keys()) return this.#forget(oldest);
    return null;
  }

  #forget(name: string): null {
    this.#blocks.delete(name);
    return null;
  }
}
