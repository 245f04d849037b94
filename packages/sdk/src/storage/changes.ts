import { compareKeys, keyFields } from './key-order.js';
import type { Key, Range, ReadTransaction, Rows, Schema, TableSpec, WriteTransaction } from './tables.js';

/**
 * What a transaction has written, or a query has read: by table, the first parts of the primary keys with the whole keys while
 * these are few, or `all` of the table. Coarse enough to be cheap, fine enough that a conversation does not wake another, and a
 * query can read again only the rows that are new. Survives structured clone.
 */
export type Footprint = ReadonlyMap<string, Touched>;
type Touched = 'all' | ReadonlyMap<FirstPart, 'many' | readonly Key[]>;
type FirstPart = string | number;

/** More first parts than this count as the whole table: the message to other tabs stays small. */
const MAX_PARTS = 256;

/** More keys than this with one first part are not told one by one. */
const MAX_KEYS = 16;

/** Collects a {@link Footprint}. */
export class FootprintRecorder {
  readonly #tables = new Map<string, 'all' | Map<FirstPart, 'many' | Key[]>>();

  get footprint(): Footprint {
    return this.#tables;
  }

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  /** @param key the one row that it is about; null: any with this first part */
  add(table: string, part: FirstPart | null, key: Key | null = null): void {
    const known = this.#tables.get(table) ?? new Map<FirstPart, 'many' | Key[]>();
    if (known === 'all') return;
    const keys = (part !== null && known.get(part)) || [];
    if (part !== null && keys !== 'many') {
      if (key === null || keys.length >= MAX_KEYS) known.set(part, 'many');
      else if (!keys.some((other) => compareKeys(other, key) === 0)) known.set(part, [...keys, key]);
    }
    this.#tables.set(table, part === null || known.size > MAX_PARTS ? 'all' : known);
  }

  addAll(other: Footprint): void {
    for (const [table, touched] of other) {
      if (touched === 'all') this.add(table, null);
      else
        for (const [part, keys] of touched)
          for (const key of keys === 'many' ? [null] : keys) this.add(table, part, key);
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
    for (const part of ours.keys()) if (theirs.has(part)) return true;
  }
  return false;
}

/** The keys with this first part that were touched, none if it was not; null: too many to name. */
export function keysTouched(changes: Footprint, table: string, part: FirstPart): readonly Key[] | null {
  const touched = changes.get(table) ?? new Map<FirstPart, 'many' | Key[]>();
  const keys = touched === 'all' ? 'many' : (touched.get(part) ?? []);
  return keys === 'many' ? null : keys;
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
    const key = keyFields(row, schema[table].key);
    written.add(table, key && firstOf(key), key);
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
      written.add(table, firstOf(key), key);
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
