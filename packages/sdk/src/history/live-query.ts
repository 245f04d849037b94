import { LiveValue } from './live-value.js';
import type { History, HistoryRows } from './schema.js';
import type { Footprint } from '../storage/changes.js';
import type { ReadTransaction } from '../storage/tables.js';

/** @param changes what may have changed since this query's last answer; null: everything */
export type Query<T extends keyof HistoryRows, V> = (
  transaction: ReadTransaction<Pick<HistoryRows, T>>,
  changes: Footprint | null,
) => Promise<V>;

/**
 * A live value that follows the database. Runs its query only while somebody listens; without listeners `get()` is the last
 * value seen.
 */
export class LiveQuery<T extends keyof HistoryRows, V> extends LiveValue<V> {
  #stop: (() => void) | null = null;
  readonly #history: History;
  readonly #tables: readonly T[];
  readonly #query: Query<T, V>;
  readonly #onError: (error: unknown) => void;

  constructor(
    history: History,
    tables: readonly T[],
    initial: V,
    query: Query<T, V>,
    onError: (error: unknown) => void,
  ) {
    super(initial);
    this.#history = history;
    this.#tables = tables;
    this.#query = query;
    this.#onError = onError;
  }

  override subscribe(listener: (value: V) => void): () => void {
    const end = super.subscribe(listener);
    if (!this.#stop) this.#start();
    return () => {
      end();
      if (!this.isHeard) this.close();
    };
  }

  /** Runs the query anew, because what it depends on besides the database has changed. */
  restart(): void {
    if (this.#stop) {
      this.#stop();
      this.#start();
    }
  }

  close(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #start(): void {
    this.#stop = this.#history.observe(this.#tables, this.#query, (value) => this.set(value), this.#onError);
  }
}
