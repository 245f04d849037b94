import { HISTORY_SCHEMA, type HistoryRows } from '../history/schema.js';
import { VAULT_SCHEMA, type VaultRows } from '../vault/schema.js';
import type { Key, TableSpec, WriteTransaction } from '../storage/tables.js';
import { commitVault, type EngineContext } from './context.js';

/**
 * This device was removed: everything it has stored goes, but for what tabs are told. The keys go last: should this life end in
 * between, the next one still is the device that the relay calls removed, and wipes on.
 */
export async function wipeDevice(context: EngineContext): Promise<void> {
  const tables = (Object.keys(HISTORY_SCHEMA) as (keyof HistoryRows)[]).filter((table) => table !== 'status');
  for (const table of tables) {
    await context.history.write([table], (transaction) => clear(transaction, table));
  }
  const vaultTables = Object.keys(VAULT_SCHEMA) as (keyof VaultRows)[];
  await commitVault(context, vaultTables, async (transaction) => {
    for (const table of vaultTables) {
      for (const row of await transaction.range(table)) {
        // The epoch stays: an older engine must not come back to life over this.
        if ('name' in row && row.name === 'epoch') continue;
        await transaction.delete(table, keyOf(VAULT_SCHEMA[table], row));
      }
    }
  });
}

async function clear<T extends keyof HistoryRows>(
  transaction: WriteTransaction<Pick<HistoryRows, T>>,
  table: T,
): Promise<void> {
  for (const row of await transaction.range(table)) await transaction.delete(table, keyOf(HISTORY_SCHEMA[table], row));
}

function keyOf({ key }: TableSpec, row: object): Key {
  return key.map((field) => (row as Record<string, string | number>)[field] ?? '');
}
