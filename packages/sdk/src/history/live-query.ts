import { LiveValue } from './live-value.js';
import type { History, HistoryRows } from './schema.js';
import type { Footprint } from '../storage/changes.js';
import type { Observation, ReadTransaction } from '../storage/tables.js';

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
  #observation: Observation | null = null;
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
    if (!this.#observation) this.#start();
    return () => {
      end();
      if (!this.isHeard) this.close();
    };
  }

  /** Runs the query anew, because what it depends on besides the database has changed. */
  restart(): void {
    if (this.#observation) {
      this.#observation.end();
      this.#start();
    }
  }

  /** Like {@link restart}, but what the query has seen so far stays good: it is told only what has changed since. */
  again(): void {
    this.#observation?.again();
  }

  close(): void {
    this.#observation?.end();
    this.#observation = null;
  }

  #start(): void {
    this.#observation = this.#history.observe(this.#tables, this.#query, (value) => this.set(value), this.#onError);
  }
}
