import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { fileTables } from '../../src/storage/file-tables.js';
import { CONTRACT_SCHEMA, observableContract, tablesContract } from './tables-contract.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

let opened = 0;
const open = () => Promise.resolve(fileTables(join(folder, `store-${++opened}`), CONTRACT_SCHEMA));

tablesContract('files', open);
observableContract('files', open, null);

test('what was written is there when the file is opened again', async () => {
  const path = join(folder, 'again');
  const first = fileTables(path, CONTRACT_SCHEMA);
  await first.write(['notes'], (transaction) => transaction.put('notes', { book: 'a', page: 1, words: 7 }));
  first.close();
  const second = fileTables(path, CONTRACT_SCHEMA);
  const rows = await second.read(['notes'], (transaction) => transaction.range('notes', { index: 'words' }));
  expect(rows).toEqual([{ book: 'a', page: 1, words: 7 }]);
  await second.destroy();
});

test('what is destroyed leaves no file', async () => {
  const before = readdirSync(folder);
  const tables = fileTables(join(folder, 'gone'), CONTRACT_SCHEMA);
  await tables.write(['notes'], (transaction) => transaction.put('notes', { book: 'a', page: 1, words: 7 }));
  expect(readdirSync(folder).length).toBeGreaterThan(before.length);
  await tables.destroy();
  expect(readdirSync(folder)).toEqual(before);
});
