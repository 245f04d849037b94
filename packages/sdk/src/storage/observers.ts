import { FootprintRecorder, overlaps, recordingReads, type Footprint } from './changes.js';
import type { Observation, ReadTransaction, Rows, Schema, Tables } from './tables.js';

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
        if (touched) changed(touched === 'all' ? null : new Set(touched.keys()));
      },
    });
  }

  observe<T extends keyof R & string, V>(
    tables: readonly T[],
    query: (transaction: ReadTransaction<Pick<R, T>>, changes: Footprint | null) => Promise<V>,
    next: (value: V) => void,
    fail: (error: unknown) => void,
  ): Observation {
    const run = (read: FootprintRecorder, changes: Footprint | null): Promise<V> =>
      this.#read(tables, (transaction) =>
        query(recordingReads(transaction, this.#schema as unknown as Schema<Pick<R, T>>, read), changes),
      );
    const live = new LiveRun(tables, run, next, fail);
    const end = this.#register(live);
    live.changed(null);
    return {
      again: () => live.again(),
      end: () => {
        live.end();
        end();
      },
    };
  }

  #register(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }
}

/** One query, run one at a time. */
class LiveRun<V> implements Observer {
  /** What it has read in all its runs: one that only looks at what changed still depends on the rest. */
  readonly #read = new FootprintRecorder();
  /** What has changed since the run before this began; null: everything. */
  #changes: FootprintRecorder | null = new FootprintRecorder();
  /** The last run has failed: the next one must read everything. */
  #failed = false;
  /** It shall run though nothing has changed. */
  #again = false;
  #running = false;
  #ended = false;

  constructor(
    private readonly tables: readonly string[],
    private readonly query: (read: FootprintRecorder, changes: Footprint | null) => Promise<V>,
    private readonly next: (value: V) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  changed(changes: Footprint | null): void {
    if (changes === null) this.#changes = null;
    else this.#changes?.addAll(changes);
    if (!this.#running) void this.#run();
  }

  again(): void {
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  end(): void {
    this.#ended = true;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#isDue()) await this.#once();
    this.#running = false;
  }

  #isDue(): boolean {
    if (this.#ended) return false;
    if (this.#again || this.#changes === null || overlaps(this.#changes.footprint, this.#read.footprint)) return true;
    this.#changes.clear();
    return false;
  }

  async #once(): Promise<void> {
    const changes = this.#failed ? null : (this.#changes?.footprint ?? null);
    this.#failed = false;
    this.#again = false;
    this.#changes = new FootprintRecorder();
    try {
      const value = await this.query(this.#read, changes);
      if (!this.#ended) this.next(value);
    } catch (error) {
      // What it would have read is unknown: whatever changes may mend it, and it then reads all.
      for (const table of this.tables) this.#read.add(table, null);
      this.#failed = true;
      if (!this.#ended) this.fail(error);
    }
  }
}
