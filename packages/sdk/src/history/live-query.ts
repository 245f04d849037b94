import type { History, HistoryRows } from './schema.js';
import type { Live } from '../live.js';
import type { ReadTransaction } from '../storage/tables.js';

/**
 * A {@link Live} value that follows the database. Runs its query only while somebody listens; without listeners `get()` is
 * the last value seen.
 */
export class LiveQuery<T extends keyof HistoryRows, V> implements Live<V> {
  #value: V;
  #stop: (() => void) | null = null;
  readonly #listeners = new Set<(value: V) => void>();
  readonly #history: History;
  readonly #tables: readonly T[];
  readonly #query: (transaction: ReadTransaction<Pick<HistoryRows, T>>) => Promise<V>;
  readonly #onError: (error: unknown) => void;

  constructor(
    history: History,
    tables: readonly T[],
    initial: V,
    query: (transaction: ReadTransaction<Pick<HistoryRows, T>>) => Promise<V>,
    onError: (error: unknown) => void,
  ) {
    this.#history = history;
    this.#tables = tables;
    this.#value = initial;
    this.#query = query;
    this.#onError = onError;
  }

  get(): V {
    return this.#value;
  }

  subscribe(listener: (value: V) => void): () => void {
    // Each subscription is its own, also when the same function is passed twice.
    const own = (value: V): void => listener(value);
    this.#listeners.add(own);
    own(this.#value);
    if (!this.#stop) this.#start();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.close();
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

  set(value: V): void {
    this.#value = value;
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        // One listener's mistake is its own: the others are told, and the app's console sees it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
