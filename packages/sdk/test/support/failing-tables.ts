import { StorageError, type StorageErrorCode } from '../../src/storage/storage-error.js';
import type { ObservableTables, Rows, Tables } from '../../src/storage/tables.js';

/** A disk that can fail: while `code` is set, every write does everything and is then undone. */
export class Disk {
  code: StorageErrorCode | null = null;

  on<R extends Rows, T extends Tables<R> | ObservableTables<R>>(tables: T): T {
    const wrapped: Tables<R> = {
      ...tables,
      write: (names, work) =>
        tables.write(names, async (transaction) => {
          const value = await work(transaction);
          if (this.code) throw new StorageError(this.code);
          return value;
        }),
    };
    return wrapped as T;
  }
}
