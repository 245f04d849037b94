import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { StorageError } from '../../src/storage/storage-error.js';
import { startingWith, type ObservableTables, type Schema, type Tables } from '../../src/storage/tables.js';

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

/** On top: live queries. `reopen` yields a second handle on the same data, as another tab has; null where there is none. */
export function observableContract(
  name: string,
  open: () => Promise<ObservableTables<ContractRows>>,
  reopen: (() => Promise<ObservableTables<ContractRows>>) | null,
): void {
  describe(`live queries: ${name}`, () => {
    test('a query runs at once, after each commit that touches it, and not after it was ended', async () => {
      const tables = await open();
      const other = reopen ? await reopen() : tables;
      const seen: number[] = [];
      let wake: () => void = () => undefined;
      const end = tables.observe(
        ['notes'],
        (transaction) => transaction.count('notes', startingWith('a')),
        (count) => {
          seen.push(count);
          wake();
        },
        (error) => {
          throw error;
        },
      );
      const reach = (count: number): Promise<void> =>
        new Promise((resolve) => {
          wake = () => {
            if (seen.at(-1) === count) resolve();
          };
          wake();
        });
      await reach(0);
      await other.write(['notes'], (transaction) => transaction.put('notes', note('a', 1)));
      await reach(1);
      await other.write(['notes'], (transaction) => transaction.put('notes', note('a', 2)));
      await reach(2);
      end();
      await other.write(['notes'], (transaction) => transaction.put('notes', note('a', 3)));
      await tables.read(['notes'], (transaction) => transaction.count('notes'));
      expect(seen.at(-1)).toBe(2);
      if (other !== tables) other.close();
      await tables.destroy();
    });
  });
}
