/**
 * Natural batching: while one batch is being worked on, the next gathers. No timer: an idle batcher works at once, a
 * busy one makes larger batches.
 *
 *     idle --add--> working --batch done, queue empty--> idle
 *                      |  ^
 *                      +--+ batch done, queue not empty: next batch
 */
export class Batcher<Item, Result> {
  readonly #work: (items: Item[]) => Promise<(Result | Error)[]>;
  readonly #weigh: (item: Item) => number;
  readonly #maxWeight: number;
  #queue: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  #working = false;
  #idle: (() => void)[] = [];

  /**
   * @param work one result per item, in order; an error rejects its item, a rejection every item of the batch
   * @param weigh a batch ends before `maxWeight` is passed, but always holds at least one item
   */
  constructor(
    work: (items: Item[]) => Promise<(Result | Error)[]>,
    limit: { weigh: (item: Item) => number; maxWeight: number },
  ) {
    this.#work = work;
    this.#weigh = limit.weigh;
    this.#maxWeight = limit.maxWeight;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      if (this.#working) return;
      this.#working = true;
      // A microtask later, so that everything that arrived in one tick shares the first batch.
      queueMicrotask(() => void this.#run());
    });
  }

  /** Resolves when nothing is queued or under way. */
  settled(): Promise<void> {
    return this.#working ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#next();
      try {
        const results = await this.#work(batch.map(({ item }) => item));
        if (results.length !== batch.length) throw new Error('A batch must yield one result per item.');
        results.forEach((result, index) => {
          if (result instanceof Error) batch[index]?.reject(result);
          else batch[index]?.resolve(result);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#working = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #next() {
    let weight = 0;
    let count = 0;
    for (const { item } of this.#queue) {
      weight += this.#weigh(item);
      if (count > 0 && weight > this.#maxWeight) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}
