import { FootprintRecorder, overlaps, recordingReads, type Footprint } from './changes.js';
import type { ReadTransaction, Rows, Schema, Tables } from './tables.js';

type Read<R extends Rows> = Tables<R>['read'];

interface Observer {
  changed(changes: Footprint | null): void;
}

/**
 * Live queries over any database that can tell what its commits touched. Each runs again when that overlaps with what it has
 * read, one run at a time: any number of commits during a run cause one more.
 */
export class Observers<R extends Rows> {
  readonly #observers = new Set<Observer>();
  readonly #read: Read<R>;
  readonly #schema: Schema<R>;

  constructor(read: Read<R>, schema: Schema<R>) {
    this.#read = read;
    this.#schema = schema;
  }

  /** @param changes null: anything may have changed */
  notify(changes: Footprint | null): void {
    for (const observer of [...this.#observers]) observer.changed(changes);
  }

  clear(): void {
    this.#observers.clear();
  }

  watch(table: keyof R & string, changed: (parts: ReadonlySet<string | number> | null) => void): () => void {
    return this.#register({
      changed: (changes) => {
        const touched = changes === null ? 'all' : changes.get(table);
        if (touched) changed(touched === 'all' ? null : touched);
      },
    });
  }

  observe<T extends keyof R & string, V>(
    tables: readonly T[],
    query: (transaction: ReadTransaction<Pick<R, T>>) => Promise<V>,
    next: (value: V) => void,
    fail: (error: unknown) => void,
  ): () => void {
    const run = (read: FootprintRecorder): Promise<V> =>
      this.#read(tables, (transaction) =>
        query(recordingReads(transaction, this.#schema as unknown as Schema<Pick<R, T>>, read)),
      );
    const live = new LiveRun(tables, run, next, fail);
    const end = this.#register(live);
    live.changed(null);
    return () => {
      live.end();
      end();
    };
  }

  #register(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }
}

/** One query, run one at a time. */
class LiveRun<V> implements Observer {
  readonly #read = new FootprintRecorder();
  /** What has changed since the run under way began. */
  readonly #missed = new FootprintRecorder();
  #stale = false;
  #running = false;
  #ended = false;

  constructor(
    private readonly tables: readonly string[],
    private readonly query: (read: FootprintRecorder) => Promise<V>,
    private readonly next: (value: V) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  changed(changes: Footprint | null): void {
    if (!this.#running) {
      if (changes === null || overlaps(changes, this.#read.footprint)) void this.#run();
    } else if (changes === null) this.#stale = true;
    else this.#missed.addAll(changes);
  }

  end(): void {
    this.#ended = true;
  }

  async #run(): Promise<void> {
    this.#running = true;
    do {
      this.#stale = false;
      this.#missed.clear();
      this.#read.clear();
      await this.#once();
    } while (this.#isDue());
    this.#running = false;
  }

  #isDue(): boolean {
    return !this.#ended && (this.#stale || overlaps(this.#missed.footprint, this.#read.footprint));
  }

  async #once(): Promise<void> {
    try {
      const value = await this.query(this.#read);
      if (!this.#ended) this.next(value);
    } catch (error) {
      // What it would have read is unknown: whatever changes may mend it.
      for (const table of this.tables) this.#read.add(table, null);
      if (!this.#ended) this.fail(error);
    }
  }
}
