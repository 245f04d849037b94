import { toError } from '../errors.js';

/**
 * Natural batching: while batches are being worked on, the next gathers. An idle batcher works at once, or when
 * `gather` says so; a busy one makes larger batches. They are begun in the order of their items.
 *
 *     idle --add--> working --batch done, queue empty--> idle
 *                      |  ^
 *                      +--+ batch done, queue not empty: next batch
 */
export class Batcher<Item, Result> {
  readonly #work: (items: Item[]) => Promise<(Result | Error)[]>;
  readonly #weigh: (item: Item) => number;
  readonly #maxWeight: number;
  readonly #depth: number;
  readonly #gather: () => Promise<void>;
  /** Items with what hears their results, under the same indexes. */
  #items: Item[] = [];
  #settle: ((result: Result | Error) => void)[] = [];
  #working = 0;
  #idle: (() => void)[] = [];

  /**
   * @param work one result per item, in order; a rejection is every item's result
   * @param limit.weigh a batch ends before `maxWeight` is passed, but always holds at least one item
   * @param limit.depth how many batches may be under way; 1 unless said otherwise
   * @param limit.gather resolves when a batch is to begin; in the next microtask unless said otherwise, so that everything
   *   that arrived in one tick shares it
   */
  constructor(
    work: (items: Item[]) => Promise<(Result | Error)[]>,
    limit: {
      weigh: (item: Item) => number;
      maxWeight: number;
      depth?: number;
      gather?: () => Promise<void>;
    },
  ) {
    this.#work = work;
    this.#weigh = limit.weigh;
    this.#maxWeight = limit.maxWeight;
    this.#depth = limit.depth ?? 1;
    this.#gather = limit.gather ?? (() => Promise.resolve());
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.push(item, (result) => {
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
    });
  }

  /** As {@link add}. @param settle hears the result once, never before this returns; must not throw */
  push(item: Item, settle: (result: Result | Error) => void): void {
    this.#items.push(item);
    this.#settle.push(settle);
    if (this.#items.length === 1) this.#begin();
  }

  /** Resolves when nothing is queued or under way. */
  settled(): Promise<void> {
    return this.#working > 0 ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  #begin(): void {
    if (this.#working >= this.#depth) return;
    this.#working++;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#gather();
      // Another may have taken them meanwhile.
      if (this.#items.length === 0) break;
      const count = this.#nextCount();
      const items = this.#items.splice(0, count);
      const settle = this.#settle.splice(0, count);
      // More than one batch holds: the rest need not wait for this one.
      if (this.#items.length > 0) this.#begin();
      const results = await this.#resultsOf(items);
      for (let index = 0; index < count; index++) settle[index]?.(results[index] as Result | Error);
    }
    this.#working--;
    if (this.#working > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #resultsOf(items: Item[]): Promise<(Result | Error)[]> {
    try {
      const results = await this.#work(items);
      if (results.length !== items.length) throw new Error('A batch must yield one result per item.');
      return results;
    } catch (error) {
      const failure = toError(error);
      return items.map(() => failure);
    }
  }

  #nextCount(): number {
    let weight = 0;
    let count = 0;
    for (const item of this.#items) {
      weight += this.#weigh(item);
      if (count > 0 && weight > this.#maxWeight) break;
      count++;
    }
    return count;
  }
}
