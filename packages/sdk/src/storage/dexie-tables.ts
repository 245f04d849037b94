import { Dexie, liveQuery, type Collection, type Table, type Transaction } from 'dexie';

import { idbKey } from './idb-tables.js';
import { StorageError, translateStorageError } from './storage-error.js';
import type {
  Key,
  ObservableTables,
  Range,
  ReadTransaction,
  Rows,
  Schema,
  TableSpec,
  WriteTransaction,
} from './tables.js';

/**
 * A database in IndexedDB through Dexie, whose live queries see the commits of every tab. For the history. Written with
 * strict durability, because an envelope is acknowledged on the strength of it.
 *
 * @param onLost called when the database was closed from outside: deleted by another tab, or by the browser
 */
export async function dexieTables<R extends Rows>(
  name: string,
  version: number,
  schema: Schema<R>,
  onLost: () => void = () => undefined,
): Promise<ObservableTables<R>> {
  const specs = new Map<string, TableSpec>(Object.entries(schema));
  const db = new Dexie(name, { chromeTransactionDurability: 'strict', cache: 'disabled', autoOpen: false });
  db.version(version).stores(Object.fromEntries([...specs].map(([table, spec]) => [table, dexieSchema(spec)])));
  db.on('versionchange', () => {
    db.close();
    onLost();
  });
  db.on('close', onLost);
  try {
    await db.open();
  } catch (error) {
    throw new StorageError('storage-failed', { cause: error });
  }
  const run = async <V>(
    mode: 'r!' | 'rw!',
    tables: readonly string[],
    work: (transaction: WriteTransaction<R>) => Promise<V>,
  ): Promise<V> => {
    try {
      return await db.transaction(mode, [...tables], (transaction) => work(operations<R>(transaction, specs)));
    } catch (error) {
      throw translateStorageError(error);
    }
  };
  return {
    read: (tables, work) => run('r!', tables, work),
    write: (tables, work) => run('rw!', tables, work),
    observe: (tables, query, next, fail) => {
      const subscription = liveQuery(() =>
        db.transaction('r', [...tables], (transaction) => query(operations<R>(transaction, specs))),
      ).subscribe({ next, error: (error: unknown) => fail(translateStorageError(error)) });
      return () => subscription.unsubscribe();
    },
    close: () => db.close(),
    destroy: () => db.delete(),
  };
}

const path = (parts: readonly string[]): string => (parts.length === 1 ? (parts[0] ?? '') : `[${parts.join('+')}]`);

function dexieSchema(spec: TableSpec): string {
  return [spec.key, ...Object.values(spec.indexes ?? {})].map(path).join(', ');
}

function operations<R extends Rows>(
  transaction: Transaction,
  specs: ReadonlyMap<string, TableSpec>,
): WriteTransaction<R> {
  const table = (name: string): Table<unknown, unknown> => transaction.table(name);
  const fieldsOf = (name: string, index?: string): readonly string[] => {
    const spec = specs.get(name);
    return (index === undefined ? spec?.key : spec?.indexes?.[index]) ?? [];
  };
  const keyOf = (name: string, key: Key): IDBValidKey => idbKey(key, fieldsOf(name).length);
  const select = (name: string, range: Range): Collection<unknown, unknown> => {
    const fields = fieldsOf(name, range.index);
    return bounded(table(name), range.index === undefined ? ':id' : path(fields), fields.length, range);
  };
  const reads: ReadTransaction<R> = {
    get: async <T extends keyof R & string>(name: T, key: Key) =>
      (await table(name).get(keyOf(name, key))) as R[T] | undefined,
    range: async <T extends keyof R & string>(name: T, range: Range = {}) => {
      let rows = select(name, range);
      if (range.reverse) rows = rows.reverse();
      if (range.limit !== undefined) rows = rows.limit(range.limit);
      return (await rows.toArray()) as R[T][];
    },
    count: async (name, range = {}) => select(name, range).count(),
  };
  return {
    ...reads,
    put: async (name, row) => {
      await table(name).put(row);
    },
    add: async (name, row) => {
      try {
        await table(name).add(row);
      } catch (error) {
        throw translateStorageError(error);
      }
    },
    delete: async (name, key) => table(name).delete(keyOf(name, key)),
  };
}

function bounded(
  table: Table<unknown, unknown>,
  index: string,
  width: number,
  range: Range,
): Collection<unknown, unknown> {
  const lower = range.lower && idbKey(range.lower, width);
  const upper = range.upper && idbKey(range.upper, width);
  if (lower !== undefined && upper !== undefined) {
    return table.where(index).between(lower, upper, !range.lowerOpen, !range.upperOpen);
  }
  if (lower !== undefined)
    return range.lowerOpen ? table.where(index).above(lower) : table.where(index).aboveOrEqual(lower);
  if (upper !== undefined)
    return range.upperOpen ? table.where(index).below(upper) : table.where(index).belowOrEqual(upper);
  return table.orderBy(index);
}
