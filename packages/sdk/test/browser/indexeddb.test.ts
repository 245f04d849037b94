import { expect, test } from 'vitest';

import { dexieTables } from '../../src/storage/dexie-tables.js';
import { idbTables } from '../../src/storage/idb-tables.js';
import { CONTRACT_SCHEMA, observableContract, tablesContract } from '../contracts/tables-contract.js';

const freshName = (): string => `test-${crypto.randomUUID()}`;
let shared = '';

tablesContract('Dexie in a browser', () => dexieTables(freshName(), 1, CONTRACT_SCHEMA));
tablesContract('idb in a browser', () => idbTables(freshName(), 1, CONTRACT_SCHEMA));
observableContract(
  'Dexie in a browser',
  () => dexieTables((shared = freshName()), 1, CONTRACT_SCHEMA),
  () => dexieTables(shared, 1, CONTRACT_SCHEMA),
);

test('a database deleted from another tab says so and lets go', async () => {
  for (const open of [dexieTables, idbTables]) {
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
