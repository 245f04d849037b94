import { rm } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';

import { open, type Database, type RootDatabase } from 'lmdb';

import { Mutex } from '../util/mutex.js';
import { FootprintRecorder, recordingWrites } from './changes.js';
import { inRange, keyFields } from './key-order.js';
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

/** Sorts behind every key part: what the empty array means in a {@link Key}. */
const AFTER_EVERYTHING = Uint8Array.of(0xff);

/** What an index entry holds: all that matters is in its key. */
const NOTHING = new Uint8Array(0);

type FileKey = (string | number | Uint8Array)[];

/** Rows by primary key, as structured clones; an entry of an index has the index fields and the primary key in its key. */
interface FileTable {
  readonly spec: TableSpec;
  readonly rows: Database<Uint8Array, FileKey>;
  readonly indexes: ReadonlyMap<string, Database<Uint8Array, FileKey>>;
}

/**
 * A database in a file that this process has to itself (LMDB), for bots and servers in Node. When a write resolves, it is on
 * the disk. Transactions run one after another, reads included: an open write would show itself to them.
 *
 * @param path of the file, in a folder that exists; LMDB puts its own `path-lock` beside it
 */
export function fileTables<R extends Rows>(path: string, schema: Schema<R>): ObservableTables<R> {
  const root = openRoot(path);
  const tables = new Map<string, FileTable>();
  for (const [name, spec] of Object.entries<TableSpec>(schema)) tables.set(name, openTable(root, name, spec));
  const mutex = new Mutex();
  let closing: Promise<void> | null = null;

  const exclusively = <V>(work: () => Promise<V>): Promise<V> =>
    closing ? Promise.reject(new StorageError('storage-closed')) : mutex.run(work);
  const read: ObservableTables<R>['read'] = (_, work) => exclusively(() => work(operations<R>(tables)));
  const observers = new Observers<R>(read, schema);
  const close = (last: () => Promise<void>): Promise<void> => {
    observers.clear();
    return (closing ??= mutex.run(last));
  };

  return {
    read,
    write: async (_, work) => {
      const written = new FootprintRecorder();
      const value = await exclusively(() =>
        commit(root, () => work(recordingWrites(operations<R>(tables), schema, written))),
      );
      observers.notify(written.footprint);
      return value;
    },
    observe: (names, query, next, fail) => observers.observe(names, query, next, fail),
    watch: (name, changed) => observers.watch(name, changed),
    close: () => void close(() => root.close()),
    destroy: () =>
      close(async () => {
        // Every page is freed before the files are removed, should that fail.
        for (const { rows, indexes } of tables.values())
          for (const each of [rows, ...indexes.values()]) each.clearSync();
        await root.close();
        for (const file of [path, `${path}-lock`]) await rm(file, { force: true });
      }),
  };
}

function openRoot(path: string): RootDatabase {
  try {
    // Without overlapping sync a commit returns when it is on the disk, not when it is merely visible.
    return open({ path, noSubdir: true, maxDbs: 64, overlappingSync: false } as RootOptions);
  } catch (error) {
    throw new StorageError('storage-failed', { cause: error });
  }
}
type RootOptions = Parameters<typeof open>[0] & { path: string };

function openTable(root: RootDatabase, name: string, spec: TableSpec): FileTable {
  const database = (part: string): Database<Uint8Array, FileKey> =>
    root.openDB<Uint8Array, FileKey>({ name: part, encoding: 'binary' });
  const indexes = Object.keys(spec.indexes ?? {}).map((index) => [index, database(`${name}/${index}`)] as const);
  return { spec, rows: database(name), indexes: new Map(indexes) };
}

/** All or nothing: LMDB undoes what was put when the work fails. The callback may wait, though only for its own operations. */
async function commit<V>(root: RootDatabase, work: () => Promise<V>): Promise<V> {
  try {
    return await root.transactionSync(work);
  } catch (error) {
    throw translate(error);
  }
}

/** LMDB's errors carry the system's numbers; those of the work pass. */
function translate(error: unknown): unknown {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : null;
  const isFull = code === 'ENOSPC' || code === 28 || code === -30792;
  if (isFull) return new StorageError('storage-full', { cause: error });
  return typeof code === 'number' ? new StorageError('storage-failed', { cause: error }) : error;
}

function operations<R extends Rows>(tables: ReadonlyMap<string, FileTable>): WriteTransaction<R> {
  const table = (name: string): FileTable => {
    const found = tables.get(name);
    if (!found) throw new StorageError('storage-failed', { cause: new Error(`no table ${name}`) });
    return found;
  };
  const reads: ReadTransaction<R> = {
    get: async <T extends keyof R & string>(name: T, key: Key) =>
      decode(table(name).rows.get(fileKey(key))) as R[T] | undefined,
    range: async <T extends keyof R & string>(name: T, range: Range = {}) => rowsIn(table(name), range) as R[T][],
    count: async (name, range = {}) => keysIn(table(name), range).length,
  };
  return {
    ...reads,
    put: async (name, row) => replace(table(name), keyOf(table(name), row), row),
    add: async (name, row) => {
      const key = keyOf(table(name), row);
      if (table(name).rows.doesExist(key)) throw new StorageError('key-exists');
      replace(table(name), key, row);
    },
    delete: async (name, key) => replace(table(name), fileKey(key), null),
  };
}

function replace({ spec, rows, indexes }: FileTable, key: FileKey, row: object | null): void {
  const before = decode(rows.get(key));
  for (const [name, entries] of indexes) {
    const fields = spec.indexes?.[name] ?? [];
    const old = before && keyFields(before, fields);
    if (old) entries.removeSync([...fileKey(old), ...key]);
    const own = row && keyFields(row, fields);
    if (own) entries.putSync([...fileKey(own), ...key], NOTHING);
  }
  if (row) rows.putSync(key, serialize(row));
  else rows.removeSync(key);
}

function rowsIn(table: FileTable, range: Range): object[] {
  return keysIn(table, range).flatMap((key) => decode(table.rows.get(key)) ?? []);
}

/** The primary keys of a range, in its order. */
function keysIn({ spec, rows, indexes }: FileTable, range: Range): FileKey[] {
  const entries = range.index === undefined ? rows : indexes.get(range.index);
  if (!entries) throw new StorageError('storage-failed', { cause: new Error(`no index ${range.index ?? ''}`) });
  const width = range.index === undefined ? spec.key.length : (spec.indexes?.[range.index]?.length ?? 0);
  const start = range.lower && fileKey(range.lower);
  // An index entry goes on behind its bound, with the primary key.
  const end = range.upper && [...fileKey(range.upper), AFTER_EVERYTHING];
  const bounds = range.reverse ? { start: end, end: start, reverse: true, inclusiveEnd: true } : { start, end };
  const found: FileKey[] = [];
  for (const key of entries.getKeys(withoutUndefined(bounds))) {
    if (found.length >= (range.limit ?? Infinity)) break;
    if (inRange(key.slice(0, width) as Key, range)) found.push(range.index === undefined ? key : key.slice(width));
  }
  return found;
}

function keyOf({ spec }: FileTable, row: object): FileKey {
  return fileKey(keyFields(row, spec.key) ?? []);
}

function fileKey(key: Key): FileKey {
  return key.map((part) => (typeof part === 'object' ? AFTER_EVERYTHING : part));
}

function decode(value: Uint8Array | undefined): object | undefined {
  return value && (deserialize(value) as object);
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
