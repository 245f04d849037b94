import type { Key, Range, ReadTransaction, Rows, Schema, TableSpec, WriteTransaction } from './tables.js';

/**
 * What a transaction has written, or a query has read: by table, the first parts of the primary keys, or `all` of the table.
 * Coarse enough to be cheap, fine enough that a conversation does not wake another. Survives structured clone.
 */
export type Footprint = ReadonlyMap<string, Touched>;
type Touched = 'all' | ReadonlySet<FirstPart>;
type FirstPart = string | number;

/** A set of more first parts than this counts as the whole table: the message to other tabs stays small. */
const MAX_PARTS = 256;

/** Collects a {@link Footprint}. */
export class FootprintRecorder {
  readonly #tables = new Map<string, 'all' | Set<FirstPart>>();

  get footprint(): Footprint {
    return this.#tables;
  }

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  add(table: string, part: FirstPart | null): void {
    const known = this.#tables.get(table);
    if (known === 'all') return;
    if (part === null) this.#tables.set(table, 'all');
    else if (!known) this.#tables.set(table, new Set([part]));
    else if (known.add(part).size > MAX_PARTS) this.#tables.set(table, 'all');
  }

  addAll(other: Footprint): void {
    for (const [table, touched] of other) {
      if (touched === 'all') this.add(table, null);
      else for (const part of touched) this.add(table, part);
    }
  }

  clear(): void {
    this.#tables.clear();
  }
}

export function overlaps(a: Footprint, b: Footprint): boolean {
  for (const [table, ours] of a) {
    const theirs = b.get(table);
    if (!theirs) continue;
    if (ours === 'all' || theirs === 'all') return true;
    for (const part of ours) if (theirs.has(part)) return true;
  }
  return false;
}

/** A transaction that notes what it reads. */
export function recordingReads<R extends Rows>(
  transaction: ReadTransaction<R>,
  schema: Schema<R>,
  read: FootprintRecorder,
): ReadTransaction<R> {
  const note = (table: keyof R & string, range: Range = {}): void => read.add(table, partOfRange(schema[table], range));
  return {
    get: (table, key) => {
      read.add(table, firstOf(key));
      return transaction.get(table, key);
    },
    range: (table, range) => {
      note(table, range);
      return transaction.range(table, range);
    },
    count: (table, range) => {
      note(table, range);
      return transaction.count(table, range);
    },
  };
}

/** A transaction that notes what it writes. */
export function recordingWrites<R extends Rows>(
  transaction: WriteTransaction<R>,
  schema: Schema<R>,
  written: FootprintRecorder,
): WriteTransaction<R> {
  const note = (table: keyof R & string, row: object): void => {
    const part = (row as Readonly<Record<string, unknown>>)[schema[table].key[0]];
    written.add(table, typeof part === 'string' || typeof part === 'number' ? part : null);
  };
  return {
    ...transaction,
    put: (table, row) => {
      note(table, row);
      return transaction.put(table, row);
    },
    add: (table, row) => {
      note(table, row);
      return transaction.add(table, row);
    },
    delete: (table, key) => {
      written.add(table, firstOf(key));
      return transaction.delete(table, key);
    },
  };
}

/** The one first part of the primary key that all rows of a range share; null if they need not share one. */
function partOfRange(spec: TableSpec, { index, lower, upper }: Range): FirstPart | null {
  const fields = index === undefined ? spec.key : spec.indexes?.[index];
  if (fields?.[0] !== spec.key[0] || !lower || !upper) return null;
  const [first] = lower;
  return first === upper[0] ? firstOf(lower) : null;
}

function firstOf([first]: Key): FirstPart | null {
  return typeof first === 'string' || typeof first === 'number' ? first : null;
}
