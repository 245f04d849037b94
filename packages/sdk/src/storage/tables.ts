import type { Footprint } from './changes.js';

/**
 * The storage port: named tables with ordered keys and indexes, read and written in atomic transactions. IndexedDB's
 * model, small enough that a memory adapter is exact. History and vault are each one such database.
 *
 * Inside a transaction only its own operations may be awaited: a transaction that waits for anything else commits early
 * or blocks every other tab when the page freezes.
 */

/** Numbers sort below strings, strings below the empty array, which stands for "after everything" in bounds. */
export type KeyPart = string | number | readonly [];
export type Key = readonly KeyPart[];

export interface TableSpec {
  /** Fields that make the primary key. */
  readonly key: readonly [string, ...string[]];
  readonly indexes?: Readonly<Record<string, readonly [string, ...string[]]>>;
}

/** Table names with their row types. Rows are plain data that structured clone can copy. */
export type Rows = Record<string, object>;
export type Schema<R extends Rows> = { readonly [T in keyof R]: TableSpec };

export interface Range {
  /** Absent: the primary key. */
  readonly index?: string;
  readonly lower?: Key;
  readonly upper?: Key;
  readonly lowerOpen?: boolean;
  readonly upperOpen?: boolean;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** The bounds of all keys that start with `parts`. */
export function startingWith(...parts: readonly (string | number)[]): { lower: Key; upper: Key } {
  return { lower: parts, upper: [...parts, []] };
}

export interface ReadTransaction<R extends Rows> {
  get<T extends keyof R & string>(table: T, key: Key): Promise<R[T] | undefined>;
  /** Rows in key order (or its reverse). */
  range<T extends keyof R & string>(table: T, range?: Range): Promise<R[T][]>;
  count(table: keyof R & string, range?: Range): Promise<number>;
}

export interface WriteTransaction<R extends Rows> extends ReadTransaction<R> {
  /** Resolves when the write is under way; the transaction fails if it does. */
  put<T extends keyof R & string>(table: T, row: R[T]): Promise<void>;
  /** @throws StorageError `key-exists`, here or when the transaction ends, which it then undoes */
  add<T extends keyof R & string>(table: T, row: R[T]): Promise<void>;
  delete(table: keyof R & string, key: Key): Promise<void>;
}

export interface Tables<R extends Rows> {
  read<T extends keyof R & string, V>(
    tables: readonly T[],
    work: (transaction: ReadTransaction<Pick<R, T>>) => Promise<V>,
  ): Promise<V>;
  /** Atomic and durable when it resolves; all or nothing. An error thrown by `work` aborts and comes out unchanged. */
  write<T extends keyof R & string, V>(
    tables: readonly T[],
    work: (transaction: WriteTransaction<Pick<R, T>>) => Promise<V>,
  ): Promise<V>;
  close(): void;
  /** Closes and deletes the database. */
  destroy(): Promise<void>;
}

/** A query that runs whenever what it has read changes. */
export interface Observation {
  /** Runs it once more, as what it depends on besides the database has changed. What it knows stays good. */
  readonly again: () => void;
  readonly end: () => void;
}

export interface ObservableTables<R extends Rows> extends Tables<R> {
  /**
   * Runs `query` now and again after every commit, in any tab, that touched what it read. A query that failed runs again
   * after the next commit to its tables. It is told what may have changed since its last answer (null: everything), so that it
   * need not read all anew.
   */
  observe<T extends keyof R & string, V>(
    tables: readonly T[],
    query: (transaction: ReadTransaction<Pick<R, T>>, changes: Footprint | null) => Promise<V>,
    next: (value: V) => void,
    error: (error: unknown) => void,
  ): Observation;
  /**
   * Calls `changed` when a transaction in any tab has written to the table, with the first parts of the keys it wrote, or null when
   * they are many or unknown. It may come just before that commit: a transaction begun then sees it. Returns the function
   * that ends it.
   */
  watch(table: keyof R & string, changed: (parts: ReadonlySet<string | number> | null) => void): () => void;
}
