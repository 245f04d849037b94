import { startAnnouncer, type OtherHalf } from './announcer.js';
import { FootprintRecorder, recordingWrites } from './changes.js';
import { FreezeGuard } from './freeze-guard.js';
import { Observers } from './observers.js';
import { StorageError, translateStorageError } from './storage-error.js';
import type { Key, ObservableTables, Range, Rows, Schema, Tables, WriteTransaction } from './tables.js';

type OnLost = () => void;

/**
 * A database in IndexedDB, written with strict durability: when a write resolves, it is on the disk. For the vault, where a
 * lost commit means a ratchet that steps twice.
 *
 * @param onLost called when the database was closed from outside: deleted by another tab, or by the browser
 */
export async function idbTables<R extends Rows>(
  name: string,
  version: number,
  schema: Schema<R>,
  onLost: OnLost = () => undefined,
): Promise<Tables<R>> {
  const { run, close, destroy } = await openTables(name, version, schema, onLost);
  return {
    read: (tables, work) => run(tables, 'readonly', work),
    write: (tables, work) => run(tables, 'readwrite', work),
    close,
    destroy,
  };
}

async function openTables<R extends Rows>(name: string, version: number, schema: Schema<R>, onLost: OnLost) {
  const db = await open(name, version, schema, onLost);
  const guard = new FreezeGuard();
  const close = (): void => {
    guard.close();
    db.close();
  };
  const run = <V>(
    tables: readonly string[],
    mode: Mode,
    work: (transaction: WriteTransaction<R>, begun: () => Promise<void>) => Promise<V>,
  ): Promise<V> =>
    transact(db, guard, tables, mode, (transaction) =>
      work(operations<R>(transaction, schema), () => begun(transaction, tables)),
    );
  const destroy = async (): Promise<void> => {
    close();
    await result(indexedDB.deleteDatabase(name));
  };
  return { run, close, destroy };
}

/** The same with live queries that see the commits of every tab. For the history. */
export async function observableIdbTables<R extends Rows>(
  name: string,
  version: number,
  schema: Schema<R>,
  onLost: OnLost = () => undefined,
  otherHalf: OtherHalf | null = null,
): Promise<ObservableTables<R>> {
  const tables = await openTables(name, version, schema, () => {
    end();
    onLost();
  });
  const read: Tables<R>['read'] = (names, work) => tables.run(names, 'readonly', work);
  const observers = new Observers<R>(read, schema);
  const announcer = startAnnouncer(`${name}-changes`, (changes) => observers.notify(changes), otherHalf);
  const end = (): void => {
    observers.clear();
    announcer.close();
  };
  return {
    read,
    write: (names, work) =>
      tables.run(names, 'readwrite', async (transaction, begun) => {
        const written = new FootprintRecorder();
        const value = await work(recordingWrites(transaction, schema, written));
        if (!written.isEmpty) {
          await begun();
          announcer.tell(written.footprint);
          observers.notify(written.footprint);
        }
        return value;
      }),
    observe: (names, query, next, fail) => observers.observe(names, query, next, fail),
    watch: (table, changed) => observers.watch(table, changed),
    close: () => {
      end();
      tables.close();
    },
    destroy: () => {
      end();
      return tables.destroy();
    },
  };
}

async function open(name: string, version: number, schema: Schema<Rows>, onLost: OnLost): Promise<IDBDatabase> {
  try {
    const opening = indexedDB.open(name, version);
    opening.onupgradeneeded = () => createStores(opening, schema);
    const db = await result(opening);
    const missing = Object.keys(schema).filter((table) => !db.objectStoreNames.contains(table));
    if (missing.length > 0) {
      db.close();
      throw new Error(`no table ${missing.join()}`);
    }
    db.onversionchange = () => {
      db.close();
      onLost();
    };
    db.onclose = onLost;
    return db;
  } catch (error) {
    throw new StorageError('storage-failed', { cause: error });
  }
}

/** What the schema has and the database has not: a version that only adds needs no more than this. */
function createStores({ result: db, transaction }: IDBOpenDBRequest, schema: Schema<Rows>): void {
  for (const [table, spec] of Object.entries(schema)) {
    const known = db.objectStoreNames.contains(table) && transaction?.objectStore(table);
    const store = known || db.createObjectStore(table, { keyPath: path(spec.key) });
    for (const [index, parts] of Object.entries(spec.indexes ?? {}))
      if (!store.indexNames.contains(index)) store.createIndex(index, path(parts));
  }
}

const path = (parts: readonly string[]): string | string[] => (parts.length === 1 ? (parts[0] ?? '') : [...parts]);

type Mode = 'readonly' | 'readwrite';

/** Again after every freeze that has interrupted it. */
async function transact<V>(
  db: IDBDatabase,
  guard: FreezeGuard,
  tables: readonly string[],
  mode: Mode,
  work: (transaction: IDBTransaction) => Promise<V>,
): Promise<V> {
  for (;;) {
    while (guard.frozen) await guard.frozen;
    const transaction = begin(db, tables, mode);
    guard.watch(transaction);
    try {
      return await complete(transaction, work);
    } catch (error) {
      if (!guard.wasInterrupted(transaction)) throw translateStorageError(error);
    } finally {
      guard.forget(transaction);
    }
  }
}

function begin(db: IDBDatabase, tables: readonly string[], mode: Mode): IDBTransaction {
  try {
    return db.transaction([...tables], mode, { durability: 'strict' });
  } catch (error) {
    throw translateStorageError(error);
  }
}

async function complete<V>(transaction: IDBTransaction, work: (transaction: IDBTransaction) => Promise<V>): Promise<V> {
  const done = outcome(transaction);
  let value: V;
  try {
    value = await work(transaction);
    transaction.commit();
  } catch (error) {
    throw await undone(transaction, done, error);
  }
  // What was read stays read, whatever becomes of the transaction: its end may come frames later.
  const failed = transaction.mode === 'readonly' ? null : await done;
  if (failed) throw failed.error;
  return value;
}

/** Null when it has committed, and otherwise what broke it: also a failed request that nobody waits for. */
function outcome(transaction: IDBTransaction): Promise<{ error: unknown } | null> {
  return new Promise((resolve) => {
    // Firefox forgets which request it was, once the commit has been asked for.
    let request: DOMException | null = null;
    transaction.onerror = ({ target }) => {
      const { error } = target as IDBRequest;
      if (error?.name !== 'AbortError') request ??= error;
    };
    transaction.oncomplete = () => resolve(null);
    transaction.onabort = () => resolve({ error: request ?? transaction.error ?? new DOMException('', 'AbortError') });
  });
}

/** Ends the transaction without effect. @returns the error to report: that of the work, or what broke it */
async function undone(
  transaction: IDBTransaction,
  done: Promise<{ error: unknown } | null>,
  error: unknown,
): Promise<unknown> {
  try {
    transaction.abort();
  } catch {
    // Aborted already, by a request that failed.
    const failed = await done;
    const consequence = error instanceof DOMException && CONSEQUENCES.has(error.name);
    return consequence && failed ? failed.error : error;
  }
  await done;
  return error;
}

/** What requests say in a transaction that something else has ended. */
const CONSEQUENCES = new Set(['AbortError', 'InvalidStateError', 'TransactionInactiveError']);

/** Transactions of which a request has been answered. */
const answered = new WeakSet<IDBTransaction>();

/**
 * Resolves when the database has begun with the transaction: whoever is told of it then, in any thread, and reads, waits behind it.
 * Before, the word of it may be faster than the transaction itself.
 */
async function begun(transaction: IDBTransaction, [table = '']: readonly string[]): Promise<void> {
  if (!answered.has(transaction)) await result(transaction.objectStore(table).count(IDBKeyRange.only(0)));
}

function operations<R extends Rows>(transaction: IDBTransaction, schema: Schema<R>): WriteTransaction<R> {
  const width = (table: string, index?: string): number => {
    const spec = schema[table];
    return (index === undefined ? spec?.key : spec?.indexes?.[index])?.length ?? 0;
  };
  const keyOf = (table: string, key: Key): IDBValidKey => idbKey(key, width(table));
  const source = (table: string, index?: string): Source => {
    const store = transaction.objectStore(table);
    return index === undefined ? store : store.index(index);
  };
  return {
    get: async <T extends keyof R & string>(table: T, key: Key) =>
      (await result(transaction.objectStore(table).get(keyOf(table, key)))) as R[T] | undefined,
    range: async <T extends keyof R & string>(table: T, range: Range = {}) => {
      const query = bounds(range, width(table, range.index));
      const from = source(table, range.index);
      const rows = range.reverse ? getReversed(from, query, range.limit) : result(from.getAll(query, range.limit));
      return (await rows) as R[T][];
    },
    count: async (table, range = {}) =>
      result(source(table, range.index).count(bounds(range, width(table, range.index)))),
    // Writes are not waited for: the transaction is, and a request that fails undoes it and is its error.
    put: async (table, row) => void transaction.objectStore(table).put(row),
    add: async (table, row) => void transaction.objectStore(table).add(row),
    delete: async (table, key) => void transaction.objectStore(table).delete(keyOf(table, key)),
  };
}

function result<V>(request: IDBRequest<V>): Promise<V> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      if (request.transaction) answered.add(request.transaction);
      resolve(request.result);
    };
    request.onerror = () => reject(request.error ?? new DOMException('', 'UnknownError'));
  });
}

/** Indexed Database API 3.0 `getAllRecords`: backwards in one request, where the browser has it. */
type Source = (IDBObjectStore | IDBIndex) & {
  getAllRecords?(options: { query?: IDBKeyRange; count?: number; direction: 'prev' }): IDBRequest<{ value: unknown }[]>;
};

async function getReversed(from: Source, query: IDBKeyRange | undefined, limit = Infinity): Promise<unknown[]> {
  if (limit < 1) return [];
  if (from.getAllRecords) {
    const count = Number.isFinite(limit) ? { count: limit } : {};
    const records = await result(from.getAllRecords({ ...(query && { query }), ...count, direction: 'prev' }));
    return records.map(({ value }) => value);
  }
  const rows: unknown[] = [];
  const cursor = from.openCursor(query, 'prev');
  for (let at = await result(cursor); at; at = await result(cursor)) {
    rows.push(at.value);
    if (rows.length === limit) break;
    at.continue();
  }
  return rows;
}

/** A table or index with one key field has plain keys; with several, arrays. */
function idbKey(key: Key, width: number): IDBValidKey {
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
