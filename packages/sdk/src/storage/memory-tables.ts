import { Mutex } from '../util/mutex.js';
import { FootprintRecorder, recordingWrites } from './changes.js';
import { compareKeys, inRange, keyFields } from './key-order.js';
import { Observers } from './observers.js';
import { StorageError } from './storage-error.js';
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
 * A database in memory, for tests, simulations and bots. Uses no timer: it advances by promises alone, so a simulation
 * that owns the scheduler owns it too. Transactions run one after another.
 */
export function memoryTables<R extends Rows>(schema: Schema<R>): ObservableTables<R> {
  const tables = new Map(Object.entries<TableSpec>(schema).map(([name, spec]) => [name, new MemoryTable(spec)]));
  const mutex = new Mutex();
  let closed = false;

  const exclusively = <V>(work: () => Promise<V>): Promise<V> =>
    mutex.run(async () => {
      if (closed) throw new StorageError('storage-closed');
      return work();
    });
  const table = (name: string): MemoryTable => {
    const found = tables.get(name);
    if (!found) throw new StorageError('storage-failed', { cause: new Error(`no table ${name}`) });
    return found;
  };
  const read: ObservableTables<R>['read'] = (_, work) => exclusively(() => work(transaction<R>(table, null)));
  const observers = new Observers<R>(read, schema);
  const close = (): void => {
    closed = true;
    observers.clear();
  };

  return {
    read,
    write: async (_, work) => {
      const written = new FootprintRecorder();
      const journal: Undo[] = [];
      const value = await exclusively(() =>
        undoable(journal, () => work(recordingWrites(transaction<R>(table, journal), schema, written))),
      );
      observers.notify(written.footprint);
      return value;
    },
    observe: (names, query, next, fail) => observers.observe(names, query, next, fail),
    watch: (name, changed) => observers.watch(name, changed),
    close,
    destroy: async () => {
      close();
      tables.clear();
    },
  };
}

type Undo = () => void;

/** All or nothing: an error takes every change back. */
async function undoable<V>(journal: Undo[], work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (error) {
    for (const undo of journal.reverse()) undo();
    throw error;
  }
}

function transaction<R extends Rows>(
  table: (name: string) => MemoryTable,
  journal: Undo[] | null,
): WriteTransaction<R> {
  const change = (name: string, key: Key, row: object | undefined): void => {
    if (!journal) throw new StorageError('storage-failed', { cause: new Error('read-only transaction') });
    const target = table(name);
    const before = target.replace(key, row);
    journal.push(() => target.replace(key, before));
  };
  const reads: ReadTransaction<R> = {
    get: async <T extends keyof R & string>(name: T, key: Key) =>
      structuredClone(table(name).get(key)) as R[T] | undefined,
    range: async <T extends keyof R & string>(name: T, range: Range = {}) =>
      structuredClone(table(name).range(range)) as R[T][],
    count: async (name, range = {}) => table(name).range(range).length,
  };
  return {
    ...reads,
    put: async (name, row) => change(name, table(name).keyOf(row), structuredClone(row)),
    add: async (name, row) => {
      const key = table(name).keyOf(row);
      if (table(name).get(key)) throw new StorageError('key-exists');
      change(name, key, structuredClone(row));
    },
    delete: async (name, key) => {
      if (table(name).get(key)) change(name, key, undefined);
    },
  };
}

interface Entry {
  readonly key: Key;
  readonly row: object;
}

/** Rows sorted by primary key, and once more for each index (the index key is followed by the primary key). */
class MemoryTable {
  readonly #spec: TableSpec;
  readonly #orders = new Map<string, Entry[]>();

  constructor(spec: TableSpec) {
    this.#spec = spec;
    this.#orders.set(PRIMARY, []);
    for (const name of Object.keys(spec.indexes ?? {})) this.#orders.set(name, []);
  }

  keyOf(row: object): Key {
    return keyFields(row, this.#spec.key) ?? [];
  }

  get(key: Key): object | undefined {
    const entries = this.#order(PRIMARY);
    const entry = entries[position(entries, key)];
    return entry && compareKeys(entry.key, key) === 0 ? entry.row : undefined;
  }

  /** Sets or (with `undefined`) removes the row at `key`; returns what was there. */
  replace(key: Key, row: object | undefined): object | undefined {
    const before = this.get(key);
    for (const [name, entries] of this.#orders) {
      const at = (value: object): Key | null => this.#orderKey(name, value);
      const oldKey = before && at(before);
      if (oldKey) entries.splice(position(entries, oldKey), 1);
      const newKey = row && at(row);
      if (row && newKey) entries.splice(position(entries, newKey), 0, { key: newKey, row });
    }
    return before;
  }

  range(range: Range): object[] {
    const name = range.index ?? PRIMARY;
    const width = name === PRIMARY ? this.#spec.key.length : (this.#spec.indexes?.[name]?.length ?? 0);
    const entries = this.#order(name);
    const found: object[] = [];
    const limit = range.limit ?? Infinity;
    const step = range.reverse ? -1 : 1;
    let at = range.reverse ? entries.length - 1 : range.lower ? position(entries, range.lower) : 0;
    if (range.reverse && range.upper) at = Math.min(at, position(entries, [...range.upper, []]));
    for (let entry = entries[at]; entry && found.length < limit; entry = entries[(at += step)]) {
      const key = entry.key.slice(0, width);
      if (inRange(key, range)) found.push(entry.row);
      else if (
        range.reverse
          ? range.lower && compareKeys(key, range.lower) < 0
          : range.upper && compareKeys(key, range.upper) > 0
      )
        break;
    }
    return found;
  }

  #order(name: string): Entry[] {
    const entries = this.#orders.get(name);
    if (!entries) throw new StorageError('storage-failed', { cause: new Error(`no index ${name}`) });
    return entries;
  }

  #orderKey(name: string, row: object): Key | null {
    const primary = this.keyOf(row);
    if (name === PRIMARY) return primary;
    const own = keyFields(row, this.#spec.indexes?.[name] ?? []);
    return own && [...own, ...primary];
  }
}

const PRIMARY = '';

/** The first index whose key is not below `key`. */
function position(entries: readonly Entry[], key: Key): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry && compareKeys(entry.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
