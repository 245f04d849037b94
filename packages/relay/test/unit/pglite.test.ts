import type { AppId } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Sql } from '../../src/store/sql/driver.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { StoreError, type Store } from '../../src/store/store.js';
import { APP, storeWorld } from '../contract/store-world.js';

const DIVIDE = 'SELECT 6 / $1::int AS result, $2::bytea AS bytes, $3::int8 AS big';

describe("PGlite's line of prepared statements", () => {
  let sql: Sql;
  beforeAll(async () => {
    sql = await openPglite();
  });
  afterAll(() => sql.close());

  test('answers as any other statement, the first time and later', async () => {
    for (const divisor of [1, 2]) {
      const params = [divisor, Buffer.of(1, 2), 3];
      expect(await sql.line.query(DIVIDE, params)).toEqual(await sql.query(DIVIDE, params));
      expect(await sql.line.query(DIVIDE, params)).toEqual([
        { result: 6 / divisor, bytes: new Uint8Array([1, 2]), big: 3 },
      ]);
    }
    expect(await sql.line.query(DIVIDE, [null, null, null])).toEqual([{ result: null, bytes: null, big: null }]);
  });

  test('a statement that fails, or cannot be prepared, harms none after it', async () => {
    await expect(sql.line.query(DIVIDE, [0, null, null])).rejects.toThrow(StoreError);
    expect(await sql.line.query(DIVIDE, [3, null, 1])).toEqual([{ result: 2, bytes: null, big: 1 }]);
    await expect(sql.line.query('SELECT nothing FROM nowhere WHERE $1::int = 1', [1])).rejects.toThrow(StoreError);
    expect(await sql.line.query(DIVIDE, [3, null, 1])).toEqual([{ result: 2, bytes: null, big: 1 }]);
    expect(await sql.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('stays outside of a transaction that is open', async () => {
    await sql.script('CREATE TABLE notes (note text)');
    const insert = 'INSERT INTO notes VALUES ($1)';
    let written: Promise<unknown> = Promise.resolve();
    const transaction = sql.transaction(async ({ query }) => {
      await query(insert, ['rolled back']);
      written = sql.line.query(insert, ['stays']);
      await query('SELECT 1');
      throw new Error('not this time');
    });
    await expect(transaction).rejects.toThrow('not this time');
    await written;
    expect(await sql.query('SELECT note FROM notes')).toEqual([{ note: 'stays' }]);
  });
});

describe('A store on PGlite, where nobody can wait for the disk on another connection', () => {
  let sql: Sql;
  let store: Store;
  const world = storeWorld('pglite', () => store);
  beforeAll(async () => {
    sql = await openPglite();
    store = await openSqlStore(sql);
  });
  afterAll(() => sql.close());

  test('answers no submit before it is on disk, however many apps submit at once', async () => {
    const other = 'other' as AppId;
    const [mine, theirs] = [await world.newDevice(), await world.newDevice({ app: other })];
    const query = vi.spyOn(sql.line, 'query');
    const [one, two] = [{ to: mine }, { to: theirs }];
    await Promise.all([world.submit([one]), world.submit([two], { app: other }), world.submit([one, one])]);
    const submits = query.mock.calls.filter(([text]) => text.includes('INTO dedupes'));
    expect(submits.map(([, params = []]) => params[0])).toEqual([APP, other, APP]);
    // The last one turns `synchronous_commit` off.
    expect(submits.map(([, params = []]) => params.at(-1))).toEqual([false, false, false]);
  });
});
