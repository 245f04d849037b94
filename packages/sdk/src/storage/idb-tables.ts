import { deleteDB, openDB, type IDBPDatabase, type IDBPObjectStore, type IDBPTransaction } from 'idb';

import { StorageError, translateStorageError } from './storage-error.js';
import type { Key, Range, ReadTransaction, Rows, Schema, TableSpec, Tables, WriteTransaction } from './tables.js';

/**
 * A database in IndexedDB through idb, written with strict durability: when a write resolves, it is on the disk. For the
 * vault, where a lost commit means a ratchet that steps twice.
 *
 * @param onLost called when the database was closed from outside: deleted by another tab, or by the browser
 */
export async function idbTables<R extends Rows>(
  name: string,
  version: number,
  schema: Schema<R>,
  onLost: () => void = () => undefined,
): Promise<Tables<R>> {
  const specs = new Map<string, TableSpec>(Object.entries(schema));
  let db: IDBPDatabase;
  try {
    db = await openDB(name, version, {
      upgrade: (upgrading) => createStores(upgrading, specs),
      blocking: () => {
        db.close();
        onLost();
      },
      terminated: onLost,
    });
  } catch (error) {
    throw new StorageError('storage-failed', { cause: error });
  }
  return {
    read: (tables, work) => run(db, tables, 'readonly', specs, work),
    write: (tables, work) => run(db, tables, 'readwrite', specs, work),
    close: () => db.close(),
    destroy: async () => {
      db.close();
      await deleteDB(name);
    },
  };
}

function createStores(db: IDBPDatabase, specs: ReadonlyMap<string, TableSpec>): void {
  for (const [table, spec] of specs) {
    if (db.objectStoreNames.contains(table)) continue;
    const store = db.createObjectStore(table, { keyPath: path(spec.key) });
    for (const [index, parts] of Object.entries(spec.indexes ?? {})) store.createIndex(index, path(parts));
  }
}

const path = (parts: readonly string[]): string | string[] => (parts.length === 1 ? (parts[0] ?? '') : [...parts]);

async function run<R extends Rows, V>(
  db: IDBPDatabase,
  tables: readonly string[],
  mode: 'readonly' | 'readwrite',
  specs: ReadonlyMap<string, TableSpec>,
  work: (transaction: WriteTransaction<R>) => Promise<V>,
): Promise<V> {
  try {
    const transaction = db.transaction([...tables], mode, { durability: 'strict' });
    // An abort rejects `done` as well; the error that caused it is the one to report.
    const done = transaction.done.then(
      () => null,
      (error: unknown) => ({ error }),
    );
    let value: V;
    try {
      value = await work(operations<R>(transaction, specs));
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // already aborted by the failed request itself
      }
      await done;
      throw error;
    }
    const failed = await done;
    if (failed) throw failed.error;
    return value;
  } catch (error) {
    throw translateStorageError(error);
  }
}

type AnyTransaction = IDBPTransaction<unknown, string[], 'readonly' | 'readwrite'>;

function operations<R extends Rows>(
  transaction: AnyTransaction,
  specs: ReadonlyMap<string, TableSpec>,
): WriteTransaction<R> {
  const width = (table: string, index?: string): number => {
    const spec = specs.get(table);
    return (index === undefined ? spec?.key : spec?.indexes?.[index])?.length ?? 0;
  };
  const keyOf = (table: string, key: Key): IDBValidKey => idbKey(key, width(table));
  const writable = (table: string): IDBPObjectStore<unknown, string[], string, 'readwrite'> =>
    transaction.objectStore(table) as IDBPObjectStore<unknown, string[], string, 'readwrite'>;
  const source = (table: string, index?: string) => {
    const store = transaction.objectStore(table);
    return index === undefined ? store : store.index(index);
  };
  const reads: ReadTransaction<R> = {
    get: async <T extends keyof R & string>(table: T, key: Key) =>
      (await transaction.objectStore(table).get(keyOf(table, key))) as R[T] | undefined,
    range: async <T extends keyof R & string>(table: T, range: Range = {}) => {
      const query = bounds(range, width(table, range.index));
      const from = source(table, range.index);
      if (!range.reverse) return (await from.getAll(query, range.limit)) as R[T][];
      const rows: R[T][] = [];
      for (let at = await from.openCursor(query, 'prev'); at && rows.length < (range.limit ?? Infinity);) {
        rows.push(at.value as R[T]);
        at = rows.length < (range.limit ?? Infinity) ? await at.continue() : null;
      }
      return rows;
    },
    count: async (table, range = {}) => source(table, range.index).count(bounds(range, width(table, range.index))),
  };
  return {
    ...reads,
    put: async (table, row) => {
      await writable(table).put(row);
    },
    add: async (table, row) => {
      await writable(table).add(row);
    },
    delete: async (table, key) => writable(table).delete(keyOf(table, key)),
  };
}

/** A table or index with one key field has plain keys; with several, arrays. */
export function idbKey(key: Key, width: number): IDBValidKey {
  const [first] = key;
  return width === 1 && first !== undefined ? (first as IDBValidKey) : (key as IDBValidKey);
}

function bounds(range: Range, width: number): IDBKeyRange | undefined {
  const lower = range.lower && idbKey(range.lower, width);
  const upper = range.upper && idbKey(range.upper, width);
  if (lower !== undefined && upper !== undefined) {
    return IDBKeyRange.bound(lower, upper, range.lowerOpen ?? false, range.upperOpen ?? false);
  }
  if (lower !== undefined) return IDBKeyRange.lowerBound(lower, range.lowerOpen ?? false);
  return upper === undefined ? undefined : IDBKeyRange.upperBound(upper, range.upperOpen ?? false);
}
