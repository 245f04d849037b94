import type { Clock } from '../platform.js';
import type { Demand, Limiter } from './limits.js';

/** Points that a node takes at once: submits then cost a round trip to Redis only now and then. */
const BLOCK = 100;

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
  until: number;
}

/** Points of limits, leased in blocks; sessions of one user (address, app) share theirs. */
export class Leases {
  readonly #limiter: Limiter;
  readonly #clock: Clock;
  readonly #blocks = new Map<string, Block>();

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
    const block = this.#blocks.get(name);
    if (!block || this.#clock.now() >= block.until || block.left < points) return this.#lease(name, demand, points);
    block.left -= points;
    return null;
  }

  async #lease(name: string, demand: Demand, points: number): Promise<number | null> {
    const block = Math.min(BLOCK, Math.ceil(this.#limiter.budget(demand) * BLOCK_SHARE));
    const wanted = Math.max(points, block);
    const retryAfterMs = await this.#limiter.take(demand, wanted);
    if (retryAfterMs !== null) return retryAfterMs;
    const now = this.#clock.now();
    const old = this.#blocks.get(name);
    // What is left of the old block is still good, and others may have leased meanwhile.
    const left = old && now < old.until ? old.left : 0;
    this.#blocks.delete(name);
    this.#blocks.set(name, { left: left + wanted - points, until: now + BLOCK_MS });
    if (this.#blocks.size > MAX_BLOCKS) for (const oldest of this.#blocks.keys()) return this.#forget(oldest);
    return null;
  }

  #forget(name: string): null {
    this.#blocks.delete(name);
    return null;
  }
}
