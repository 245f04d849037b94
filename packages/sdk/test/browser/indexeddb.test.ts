import type { Aci } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { HISTORY_SCHEMA, HISTORY_VERSION, type HistoryRows } from '../../src/history/schema.js';
import { idbTables, observableIdbTables } from '../../src/storage/idb-tables.js';
import {
  CONTRACT_SCHEMA,
  observableContract,
  tablesContract,
  type ContractRows,
} from '../contracts/tables-contract.js';

const freshName = (): string => `test-${crypto.randomUUID()}`;
let shared = '';

tablesContract('IndexedDB in a browser', () => idbTables(freshName(), 1, CONTRACT_SCHEMA));
tablesContract('observable IndexedDB in a browser', () => observableIdbTables(freshName(), 1, CONTRACT_SCHEMA));
observableContract(
  'IndexedDB in a browser',
  () => observableIdbTables((shared = freshName()), 1, CONTRACT_SCHEMA),
  () => observableIdbTables(shared, 1, CONTRACT_SCHEMA),
);

test('a database deleted from another tab says so and lets go', async () => {
  for (const open of [idbTables, observableIdbTables]) {
    const name = freshName();
    const lost = new Promise<void>((resolve) => {
      void open(name, 1, CONTRACT_SCHEMA, resolve);
    });
    const other = await open(name, 1, CONTRACT_SCHEMA);
    await other.destroy();
    await lost;
    const databases = await indexedDB.databases();
    expect(databases.map((database) => database.name)).not.toContain(name);
  }
});

/** Another tab as far as storage is concerned: an agent of its own, which can be ended without a word. */
function worker(script: string): Worker {
  return new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
}

test('a page that comes back from the back/forward cache or a freeze looks again at everything', async () => {
  const name = freshName();
  const tables = await observableIdbTables(name, 1, CONTRACT_SCHEMA);
  let runs = 0;
  let wake: () => void = () => undefined;
  const ran = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const first = ran();
  tables.observe(
    ['marks'],
    (transaction) => transaction.count('marks'),
    () => {
      runs++;
      wake();
    },
    () => undefined,
  );
  await first;
  for (const [target, event] of [
    [window, 'pageshow'],
    [document, 'resume'],
  ] as const) {
    const again = ran();
    target.dispatchEvent(new Event(event));
    await again;
  }
  expect(runs).toBe(3);
  await tables.destroy();
});

test('what is said before the commit is enough: a reader that hears it waits for the commit', async () => {
  const name = freshName();
  const tables = await observableIdbTables(name, 1, CONTRACT_SCHEMA);
  const counted = new Promise<number>((resolve) => {
    tables.observe(
      ['marks'],
      (transaction) => transaction.count('marks'),
      (count) => {
        if (count > 0) resolve(count);
      },
      () => undefined,
    );
  });
  // Tells, goes on writing for a while in the same transaction, and never says anything again.
  const writer = worker(`
    const opening = indexedDB.open('${name}');
    opening.onsuccess = () => {
      const transaction = opening.result.transaction('marks', 'readwrite');
      const marks = transaction.objectStore('marks');
      let left = 200;
      const next = () => { if (left-- > 0) marks.put({ id: 'm' + left }).onsuccess = next; };
      marks.put({ id: 'first' }).onsuccess = () => {
        new BroadcastChannel('${name}-changes').postMessage(new Map([['marks', 'all']]));
        next();
      };
    };
    opening.onupgradeneeded = () => opening.transaction.abort();
  `);
  expect(await counted).toBe(201);
  writer.terminate();
  await tables.destroy();
});

test('a database in which a table is missing is refused, not used', async () => {
  const name = freshName();
  const { marks } = CONTRACT_SCHEMA;
  const damaged = await idbTables(name, 1, { marks });
  damaged.close();
  await expect(idbTables(name, 1, CONTRACT_SCHEMA)).rejects.toMatchObject({ code: 'storage-failed' });
  const whole = await idbTables(name, 2, CONTRACT_SCHEMA);
  await whole.destroy();
});

test('a newer version adds its tables and indexes to an older database, and finds what is there', async () => {
  const name = freshName();
  const { notes } = CONTRACT_SCHEMA;
  const older = await idbTables<Pick<ContractRows, 'notes'>>(name, 1, { notes: { key: notes.key } });
  await older.write(['notes'], (transaction) => transaction.put('notes', { book: 'a', page: 1, words: 7 }));
  older.close();
  const newer = await idbTables(name, 2, CONTRACT_SCHEMA);
  await newer.write(['marks'], (transaction) => transaction.put('marks', { id: 'm', weight: 3 }));
  const [rows, marks] = await newer.read(['notes', 'marks'], (transaction) =>
    Promise.all([
      transaction.range('notes', { index: 'words', lower: ['a', 7] }),
      transaction.count('marks', { index: 'weight' }),
    ]),
  );
  expect(rows).toEqual([{ book: 'a', page: 1, words: 7 }]);
  expect(marks).toBe(1);
  await newer.destroy();
});

test('a history from before messages of unknown kinds were written down is opened', async () => {
  const name = freshName();
  const { unknown, ...before } = HISTORY_SCHEMA;
  const older = await observableIdbTables<Omit<HistoryRows, 'unknown'>>(name, 1, before);
  const row = { user: 'bob' as Aci, name: 'Bob', at: 1 };
  await older.write(['profiles'], (transaction) => transaction.put('profiles', row));
  older.close();
  const newer = await observableIdbTables(name, HISTORY_VERSION, HISTORY_SCHEMA);
  expect(await newer.read(['profiles'], (transaction) => transaction.range('profiles'))).toEqual([row]);
  expect(await newer.read(['unknown'], (transaction) => transaction.count('unknown'))).toBe(0);
  expect(unknown.key[0]).toBe('kind');
  await newer.destroy();
});
