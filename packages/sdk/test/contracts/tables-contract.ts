import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { StorageError } from '../../src/storage/storage-error.js';
import {
  startingWith,
  type ObservableTables,
  type ReadTransaction,
  type Schema,
  type Tables,
} from '../../src/storage/tables.js';

interface Note {
  readonly book: string;
  readonly page: number;
  readonly words: number;
  readonly ink?: Uint8Array;
}

// A type alias: an interface would lack the index signature that `Rows` asks for.
export type ContractRows = { notes: Note; marks: { readonly id: string; readonly weight?: number } };

export const CONTRACT_SCHEMA: Schema<ContractRows> = {
  notes: { key: ['book', 'page'], indexes: { words: ['book', 'words'] } },
  marks: { key: ['id'], indexes: { weight: ['weight'] } },
};

const note = (book: string, page: number, words = page): Note => ({ book, page, words });

/** What every storage adapter must do; run with each of them, in memory and in real browsers. */
export function tablesContract(name: string, open: () => Promise<Tables<ContractRows>>): void {
  describe(`storage contract: ${name}`, () => {
    let tables: Tables<ContractRows>;
    beforeEach(async () => {
      tables = await open();
    });
    afterEach(() => tables.destroy());
    const write = (...rows: Note[]): Promise<void> =>
      tables.write(['notes'], async (transaction) => {
        for (const row of rows) await transaction.put('notes', row);
      });

    test('a row comes back as it was written, bytes included, and as a copy', async () => {
      const row = { ...note('a', 1), ink: Uint8Array.of(1, 2, 255) };
      await write(row);
      const read = () => tables.read(['notes'], (transaction) => transaction.get('notes', ['a', 1]));
      const first = await read();
      expect(first).toEqual(row);
      (first as { words: number }).words = 99;
      expect(await read()).toEqual(row);
    });

    test('what is not there is undefined, and deleting it changes nothing', async () => {
      await write(note('a', 1));
      await tables.write(['notes'], async (transaction) => {
        await transaction.delete('notes', ['a', 2]);
        expect(await transaction.get('notes', ['b', 1])).toBeUndefined();
      });
      expect(await tables.read(['notes'], (transaction) => transaction.count('notes'))).toBe(1);
    });

    test('add refuses a key that exists, and the whole transaction is undone', async () => {
      await write(note('a', 1, 7));
      const work = tables.write(['notes'], async (transaction) => {
        await transaction.put('notes', note('a', 2));
        await transaction.add('notes', note('a', 1, 8));
      });
      await expect(work).rejects.toMatchObject({
        name: 'StorageError',
        code: 'key-exists',
      } satisfies Partial<StorageError>);
      const rows = await tables.read(['notes'], (transaction) => transaction.range('notes'));
      expect(rows).toEqual([note('a', 1, 7)]);
    });

    test('an error in the work undoes puts and deletes, and comes out unchanged', async () => {
      await write(note('a', 1), note('a', 2));
      const mistake = new Error('mistake');
      const work = tables.write(['notes', 'marks'], async (transaction) => {
        await transaction.put('marks', { id: 'x' });
        await transaction.put('notes', note('a', 1, 50));
        await transaction.delete('notes', ['a', 2]);
        throw mistake;
      });
      await expect(work).rejects.toBe(mistake);
      expect(await tables.read(['notes'], (transaction) => transaction.range('notes'))).toEqual([
        note('a', 1),
        note('a', 2),
      ]);
      expect(await tables.read(['marks'], (transaction) => transaction.count('marks'))).toBe(0);
    });

    test('a transaction sees its own writes', async () => {
      await tables.write(['notes'], async (transaction) => {
        await transaction.put('notes', note('a', 1));
        expect(await transaction.range('notes', startingWith('a'))).toHaveLength(1);
        await transaction.delete('notes', ['a', 1]);
        expect(await transaction.range('notes', startingWith('a'))).toHaveLength(0);
      });
    });

    test('ranges: bounds, openness, direction and limit', async () => {
      await write(...[5, 1, 4, 2, 3].map((page) => note('a', page)), note('b', 1), note('A', 9));
      const pages = async (range: Parameters<Parameters<Parameters<typeof tables.read>[1]>[0]['range']>[1]) =>
        (await tables.read(['notes'], (transaction) => transaction.range('notes', range))).map(
          ({ book, page }) => `${book}${page}`,
        );
      expect(await pages({})).toEqual(['A9', 'a1', 'a2', 'a3', 'a4', 'a5', 'b1']);
      expect(await pages(startingWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
      expect(await pages({ lower: ['a', 2], upper: ['a', 4] })).toEqual(['a2', 'a3', 'a4']);
      expect(await pages({ lower: ['a', 2], upper: ['a', 4], lowerOpen: true, upperOpen: true })).toEqual(['a3']);
      expect(await pages({ ...startingWith('a'), reverse: true, limit: 2 })).toEqual(['a5', 'a4']);
      expect(await pages({ lower: ['a', 4] })).toEqual(['a4', 'a5', 'b1']);
      expect(await pages({ upper: ['a', 1] })).toEqual(['A9', 'a1']);
    });

    test('an index orders by its fields, and leaves out rows that lack one', async () => {
      await write(note('a', 1, 30), note('a', 2, 10), note('a', 3, 20), note('b', 4, 5));
      const [largest] = await tables.read(['notes'], (transaction) =>
        transaction.range('notes', { index: 'words', ...startingWith('a'), reverse: true, limit: 1 }),
      );
      expect(largest).toEqual(note('a', 1, 30));
      await tables.write(['marks'], async (transaction) => {
        await transaction.put('marks', { id: 'light', weight: 1 });
        await transaction.put('marks', { id: 'none' });
        await transaction.put('marks', { id: 'heavy', weight: 9 });
      });
      const marks = await tables.read(['marks'], (transaction) => transaction.range('marks', { index: 'weight' }));
      expect(marks.map(({ id }) => id)).toEqual(['light', 'heavy']);
      expect(
        await tables.read(['marks'], (transaction) => transaction.count('marks', { index: 'weight', lower: [2] })),
      ).toBe(1);
    });

    test('moving a row within an index leaves no trace of the old place', async () => {
      await write(note('a', 1, 10), note('a', 2, 20));
      await write(note('a', 1, 30));
      const rows = await tables.read(['notes'], (transaction) =>
        transaction.range('notes', { index: 'words', ...startingWith('a') }),
      );
      expect(rows.map(({ page }) => page)).toEqual([2, 1]);
    });

    test('concurrent increments are all counted: transactions on one table do not overlap', async () => {
      await write(note('a', 1, 0));
      const increment = () =>
        tables.write(['notes'], async (transaction) => {
          const row = await transaction.get('notes', ['a', 1]);
          await transaction.put('notes', note('a', 1, (row?.words ?? 0) + 1));
        });
      await Promise.all(Array.from({ length: 20 }, increment));
      expect((await tables.read(['notes'], (transaction) => transaction.get('notes', ['a', 1])))?.words).toBe(20);
    });

    test('any sequence of writes leaves what a plain map would hold, in key order', async () => {
      const step = fc.record({
        book: fc.constantFrom('a', 'b', 'ab'),
        page: fc.integer({ min: 0, max: 5 }),
        words: fc.integer({ min: 0, max: 3 }),
        gone: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
          const model = new Map<string, Note>();
          await tables.write(['notes'], async (transaction) => {
            for (const row of await transaction.range('notes')) await transaction.delete('notes', [row.book, row.page]);
            for (const { gone, ...row } of steps) {
              if (gone) await transaction.delete('notes', [row.book, row.page]);
              else await transaction.put('notes', row);
              if (gone) model.delete(`${row.book} ${row.page}`);
              else model.set(`${row.book} ${row.page}`, row);
            }
          });
          const expected = [...model.values()].sort((x, y) =>
            x.book < y.book ? -1 : x.book > y.book ? 1 : x.page - y.page,
          );
          expect(await tables.read(['notes'], (transaction) => transaction.range('notes'))).toEqual(expected);
        }),
        { numRuns: 30 },
      );
    });

    test('after close every operation fails with its code', async () => {
      tables.close();
      await expect(tables.read(['notes'], (transaction) => transaction.range('notes'))).rejects.toMatchObject({
        code: 'storage-closed',
      });
    });
  });
}

/** A live query that remembers what it saw, and lets a test wait for it. */
function follow<V>(
  tables: ObservableTables<ContractRows>,
  query: (transaction: ReadTransaction<ContractRows>) => Promise<V>,
): { readonly seen: V[]; reach(value: V): Promise<void>; end(): void } {
  const seen: V[] = [];
  let wake: () => void = () => undefined;
  const { end } = tables.observe(
    ['notes', 'marks'],
    query,
    (value) => {
      seen.push(value);
      wake();
    },
    (error) => {
      throw error;
    },
  );
  const reach = (value: V): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        if (seen.at(-1) === value) resolve();
      };
      wake();
    });
  return { seen, reach, end };
}

/** On top: live queries. `reopen` yields a second handle on the same data, as another tab has; null where there is none. */
export function observableContract(
  name: string,
  open: () => Promise<ObservableTables<ContractRows>>,
  reopen: (() => Promise<ObservableTables<ContractRows>>) | null,
): void {
  describe(`live queries: ${name}`, () => {
    let tables: ObservableTables<ContractRows>;
    let other: ObservableTables<ContractRows>;
    beforeEach(async () => {
      tables = await open();
      other = reopen ? await reopen() : tables;
    });
    afterEach(async () => {
      if (other !== tables) other.close();
      await tables.destroy();
    });
    const put = (through: ObservableTables<ContractRows>, ...rows: Note[]): Promise<void> =>
      through.write(['notes'], async (transaction) => {
        for (const row of rows) await transaction.put('notes', row);
      });
    const countOf = (book: string) => (transaction: ReadTransaction<ContractRows>) =>
      transaction.count('notes', startingWith(book));

    test('a query runs at once, after each commit that touches it, and not after it was ended', async () => {
      const query = follow(tables, countOf('a'));
      await query.reach(0);
      await put(other, note('a', 1));
      await query.reach(1);
      await put(other, note('a', 2));
      await query.reach(2);
      query.end();
      await put(other, note('a', 3));
      await tables.read(['notes'], (transaction) => transaction.count('notes'));
      expect(query.seen.at(-1)).toBe(2);
    });

    test('a commit elsewhere in the table leaves a query alone; an index on the same first field is as precise', async () => {
      const query = follow(tables, countOf('a'));
      const indexed = follow(tables, (transaction) =>
        transaction.count('notes', { index: 'words', ...startingWith('a') }),
      );
      const whole = follow(tables, (transaction) => transaction.count('notes'));
      await Promise.all([query.reach(0), indexed.reach(0), whole.reach(0)]);
      await put(other, note('b', 1));
      await whole.reach(1);
      await put(other, note('a', 1));
      await Promise.all([query.reach(1), indexed.reach(1), whole.reach(2)]);
      expect(query.seen).toEqual([0, 1]);
      expect(indexed.seen).toEqual([0, 1]);
    });

    test('commits during a run cause one more run, which sees them all', async () => {
      const query = follow(tables, countOf('a'));
      await query.reach(0);
      await Promise.all(Array.from({ length: 50 }, (_, page) => put(other, note('a', page))));
      await query.reach(50);
      expect(query.seen.length).toBeLessThan(50);
    });

    test('whoever commits many rows of many keys is heard too', async () => {
      const query = follow(tables, countOf('book 7'));
      await query.reach(0);
      await put(other, ...Array.from({ length: 600 }, (_, i) => note(`book ${i % 300}`, i)));
      await query.reach(2);
    });

    test('a deletion is a change, and one that was undone is not shown', async () => {
      await put(tables, note('a', 1), note('a', 2));
      const query = follow(tables, countOf('a'));
      await query.reach(2);
      const undone = other.write(['notes'], async (transaction) => {
        await transaction.delete('notes', ['a', 1]);
        throw new Error('changed my mind');
      });
      await expect(undone).rejects.toThrow('changed my mind');
      await other.write(['notes'], (transaction) => transaction.delete('notes', ['a', 2]));
      await query.reach(1);
      expect(query.seen).toEqual([2, 1]);
    });

    test('a query that failed tells so, and runs again after the next commit', async () => {
      const outcomes: string[] = [];
      let fail = true;
      let wake: () => void = () => undefined;
      const next = (): Promise<void> => new Promise((resolve) => (wake = resolve));
      const first = next();
      const { end } = tables.observe(
        ['notes'],
        async (transaction) => {
          if (fail) throw new Error('broken');
          return transaction.count('notes');
        },
        (count) => {
          outcomes.push(String(count));
          wake();
        },
        (error) => {
          outcomes.push(String(error));
          wake();
        },
      );
      await first;
      fail = false;
      const second = next();
      await put(other, note('a', 1));
      await second;
      expect(outcomes).toEqual(['Error: broken', '1']);
      end();
    });

    test('a watcher is called for its table only, and what it then reads has the commit', async () => {
      const counts: Promise<number>[] = [];
      let wake: () => void = () => undefined;
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const end = tables.watch('notes', () => {
        counts.push(tables.read(['notes'], (transaction) => transaction.count('notes')));
        wake();
      });
      await other.write(['marks'], (transaction) => transaction.put('marks', { id: 'x' }));
      await put(other, note('a', 1));
      await woken;
      end();
      await put(other, note('a', 2));
      expect(await Promise.all(counts)).toEqual([1]);
    });

    test('a handle that was closed neither hears nor disturbs the others', async () => {
      const deaf = reopen ? await reopen() : null;
      const query = follow(tables, countOf('a'));
      await query.reach(0);
      const gone = deaf && follow(deaf, countOf('a'));
      await gone?.reach(0);
      deaf?.close();
      await put(other, note('a', 1));
      await query.reach(1);
      expect(gone?.seen ?? [0]).toEqual([0]);
    });
  });
}
