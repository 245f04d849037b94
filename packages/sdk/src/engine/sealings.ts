import type { Vault, VaultRows } from '../vault/schema.js';
import type { ReadTransaction, WriteTransaction } from '../storage/tables.js';

/** No relay makes a count grow by more at once: one that lies costs fresh sessions, and never the numbers themselves. */
const MAX_STEP = 2 ** 32;

type Reading = ReadTransaction<Pick<VaultRows, 'meta'>>;
type Writing = WriteTransaction<Pick<VaultRows, 'meta'>>;

async function count(transaction: Reading): Promise<number> {
  const row = await transaction.get('meta', ['sealings']);
  return row?.name === 'sealings' ? row.count : 0;
}

/**
 * How many times this device has sealed. Every submit carries the count of its sealing, and the relay remembers the highest: a
 * vault that says less when it connects is an older copy, and would use message keys a second time.
 */
export function readSealings(vault: Vault): Promise<number> {
  return vault.read(['meta'], count);
}

/** In the transaction that commits the session step; the caller stores it with {@link putSealing}. */
export async function nextSealing(transaction: Reading): Promise<number> {
  return (await count(transaction)) + 1;
}

export async function putSealing(transaction: Writing, count: number): Promise<void> {
  await transaction.put('meta', { name: 'sealings', count });
}

/** Goes on from what the relay has seen, so that an older copy is noticed once. */
export async function countOn(transaction: Writing, seen: number): Promise<void> {
  const own = await count(transaction);
  if (seen > own) await transaction.put('meta', { name: 'sealings', count: Math.min(seen, own + MAX_STEP) });
}
