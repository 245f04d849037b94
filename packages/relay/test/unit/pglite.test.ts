import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Sql } from '../../src/store/sql/driver.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { StoreError } from '../../src/store/store.js';

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
