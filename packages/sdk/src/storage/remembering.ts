import { keyFields } from './key-order.js';
import type { Key, Range, Rows, Schema, WriteTransaction } from './tables.js';

/**
 * A transaction that asks the database once for what it has read, or written itself. Within one transaction nobody else writes: so
 * long work on many rows can ask for all of them side by side first, and then go on row by row without waiting for each.
 */
export function remembering<R extends Rows>(transaction: WriteTransaction<R>, schema: Schema<R>): WriteTransaction<R> {
  const rows = new Map<string, Promise<unknown>>();
  /** By table: a write to it may change any of its ranges. */
  const ranges = new Map<string, Map<string, Promise<unknown>>>();
  const idOf = (table: string, key: Key): string => JSON.stringify([table, key]);
  const written = (table: keyof R & string, key: Key, row: R[keyof R] | undefined): void => {
    rows.set(idOf(table, key), Promise.resolve(row));
    ranges.delete(table);
  };
  const wrote = <T extends keyof R & string>(table: T, row: R[T]): void => {
    const key = keyFields(row, schema[table].key);
    if (key) written(table, key, row);
  };
  return {
    get: <T extends keyof R & string>(table: T, key: Key) =>
      once(rows, idOf(table, key), () => transaction.get(table, key)),
    range: <T extends keyof R & string>(table: T, range: Range = {}) => {
      const known = ranges.get(table) ?? new Map<string, Promise<unknown>>();
      ranges.set(table, known);
      return once(known, JSON.stringify(range), () => transaction.range(table, range));
    },
    count: (table, range) => transaction.count(table, range),
    put: (table, row) => {
      wrote(table, row);
      return transaction.put(table, row);
    },
    add: (table, row) => {
      wrote(table, row);
      return transaction.add(table, row);
    },
    delete: (table, key) => {
      written(table, key, undefined);
      return transaction.delete(table, key);
    },
  };
}

function once<V>(known: Map<string, Promise<unknown>>, id: string, ask: () => Promise<V>): Promise<V> {
  const asked = known.get(id) as Promise<V> | undefined;
  if (asked) return asked;
  const answer = ask();
  known.set(id, answer);
  return answer;
}
