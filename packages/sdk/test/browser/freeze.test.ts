import { expect, test } from 'vitest';

import { idbTables } from '../../src/storage/idb-tables.js';
import { CONTRACT_SCHEMA } from '../contracts/tables-contract.js';

const note = (words: number) => ({ book: 'a', page: 1, words });

test('a page that is told to freeze leaves the database to the others, and does its work when it wakes', async () => {
  const name = `test-${crypto.randomUUID()}`;
  const tables = await idbTables(name, 1, CONTRACT_SCHEMA);
  let runs = 0;
  let inside: () => void = () => undefined;
  const isInside = new Promise<void>((resolve) => (inside = resolve));
  const write = tables.write(['notes'], async (transaction) => {
    runs++;
    const before = await transaction.get('notes', ['a', 1]);
    await transaction.put('notes', note((before?.words ?? 0) + 1));
    inside();
    // Many requests long: the freeze finds it open.
    for (let i = 0; i < 500; i++) await transaction.count('notes');
  });
  await isInside;
  document.dispatchEvent(new Event('freeze'));

  // Another page as far as the database is concerned: no guard stands before it.
  const other = await new Promise<IDBDatabase>((resolve) => {
    const opening = indexedDB.open(name);
    opening.onsuccess = () => resolve(opening.result);
  });
  const theirs = other.transaction('notes', 'readwrite');
  theirs.objectStore('notes').put(note(10));
  await new Promise((resolve) => (theirs.oncomplete = resolve));
  other.close();

  document.dispatchEvent(new Event('resume'));
  await write;
  expect(runs).toBe(2);
  expect(await tables.read(['notes'], (transaction) => transaction.get('notes', ['a', 1]))).toEqual(note(11));
  await tables.destroy();
});

test('what is begun while frozen waits for the waking', async () => {
  const tables = await idbTables(`test-${crypto.randomUUID()}`, 1, CONTRACT_SCHEMA);
  document.dispatchEvent(new Event('freeze'));
  let done = false;
  const write = tables.write(['notes'], (transaction) => transaction.put('notes', note(1))).then(() => (done = true));
  // Long enough for a transaction of another connection to pass.
  const other = await idbTables(`test-${crypto.randomUUID()}`, 1, CONTRACT_SCHEMA).catch(() => null);
  expect(done).toBe(false);
  document.dispatchEvent(new Event('resume'));
  await write;
  expect(done).toBe(true);
  await Promise.all([tables.destroy(), other?.destroy()]);
});
