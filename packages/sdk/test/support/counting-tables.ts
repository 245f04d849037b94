import type { ObservableTables, Rows, Tables, WriteTransaction } from '../../src/storage/tables.js';

/** Counts what a database is asked to do: work that can be compared, on a machine of any speed. */
export class Work {
  /** Calls of a transaction's operations, and the rows that they return. */
  steps = 0;

  on<R extends Rows, T extends Tables<R> | ObservableTables<R>>(tables: T): T {
    const wrapped: Tables<R> = {
      ...tables,
      read: (names, work) =>
        tables.read(names, (transaction) => work(this.#counted(transaction as WriteTransaction<R>))),
      write: (names, work) =>
        tables.write(names, (transaction) => work(this.#counted(transaction as WriteTransaction<R>))),
    };
    return wrapped as T;
  }

  /** What the work costs. */
  async of(work: () => Promise<unknown>): Promise<number> {
    const before = this.steps;
    await work();
    return this.steps - before;
  }

  #counted<R extends Rows>(transaction: WriteTransaction<R>): WriteTransaction<R> {
    const count = <V>(value: V): V => {
      this.steps += Array.isArray(value) ? 1 + value.length : 1;
      return value;
    };
    return {
      get: async (name, key) => count(await transaction.get(name, key)),
      range: async (name, range) => count(await transaction.range(name, range)),
      count: async (name, range) => count(await transaction.count(name, range)),
      put: (name, row) => (count(row), transaction.put(name, row)),
      add: (name, row) => (count(row), transaction.add(name, row)),
      delete: (name, key) => (count(null), transaction.delete(name, key)),
    };
  }
}
