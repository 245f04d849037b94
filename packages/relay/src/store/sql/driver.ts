import { StoreError } from '../store.js';

export type Param = string | number | boolean | null | Uint8Array;

/** Where statements run: a pool, or one open transaction. `int8` results are numbers, `bytea` results `Uint8Array`s. */
export interface Queryable {
  query<Row>(text: string, params?: readonly Param[]): Promise<Row[]>;
}

export interface Line extends Queryable {
  /** How many statements are worth giving it at once. */
  readonly depth: number;
}

interface Transactions {
  /** READ COMMITTED; rolled back when `work` rejects. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
}

/**
 * What the SQL store needs of a PostgreSQL: node-postgres and PGlite both fit. Errors are {@link StoreError}s; a statement
 * that a PostgreSQL on another machine does not answer in time is `unavailable`.
 */
export interface Sql extends Queryable, Transactions {
  /**
   * For the write path: single statements, run one after another in the order in which they are given, and each
   * committed by itself: when it is answered, a crash of the database cannot undo it, unless it has turned
   * `synchronous_commit` off for itself. Nobody waits for one answer before the next is sent.
   */
  readonly line: Line;
  /** For work in the background that may take minutes: no limit on time. */
  readonly patient: Queryable & Transactions;
  /** See `Store`. */
  readonly onMoved?: (listener: () => void) => void;
  /** Several statements without parameters. */
  script(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Deadlocks, failed serializations, locks that were not to be had in time. */
const CONFLICTS = new Set(['40P01', '40001', '55P03']);

/**
 * Connection exceptions, shutdown, too many connections, out of resources, a statement or an idle transaction that took too
 * long; and what Node's sockets say.
 */
const UNAVAILABLE = /^(08|53|57P|57014|25P03)|^E[A-Z]+$/;

const LOST_CONNECTION =
  /connection terminated|timeout exceeded when trying to connect|timeout expired|query read timeout|not queryable|PGlite is clos/i;

export function toStoreError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (CONFLICTS.has(code)) return new StoreError('conflict', error);
  if (UNAVAILABLE.test(code) || LOST_CONNECTION.test(error.message)) return new StoreError('unavailable', error);
  // Class 22, 23, 42 ...: PostgreSQL itself answered. Anything without an SQLSTATE is a refusal or a bug of ours.
  return /^[0-9A-Z]{5}$/.test(code) ? new StoreError('failed', error) : error;
}
