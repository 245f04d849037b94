import { Cluster } from 'ioredis';

/** Between two readings of the map of slots, milliseconds. */
const REFRESH_MS = 500;

type Refreshed = Parameters<Cluster['refreshSlotsCache']>[0] & {};

/**
 * A cluster client that keeps its calm while a shard is away. The library reads the map of all 16,384 slots anew, some ten
 * milliseconds of work, whenever a command has met the missing shard: under load that is all that a node would do.
 */
export class CalmCluster extends Cluster {
  #last = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting: Refreshed[] = [];

  override refreshSlotsCache(done?: Refreshed): void {
    if (done) this.#waiting.push(done);
    const wait = this.#last + REFRESH_MS - performance.now();
    if (wait <= 0) this.#refresh();
    else this.#timer ??= setTimeout(() => this.#refresh(), wait).unref();
  }

  #refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#last = performance.now();
    const waiting = this.#waiting.splice(0);
    super.refreshSlotsCache((...result) => {
      for (const done of waiting) done(...result);
    });
  }
}
