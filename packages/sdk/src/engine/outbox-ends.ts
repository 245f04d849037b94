import type { SendFailure } from '../history/message-state.js';
import { grownStatus, touchConversation } from '../history/rows.js';
import { THIS_DEVICE, type HistoryRows } from '../history/schema.js';
import { startingWith, type WriteTransaction } from '../storage/tables.js';
import type { SealedMessageRow, SealedPayloadRow, SentRow, VaultRows } from '../vault/schema.js';
import { commitVault, type EngineContext } from './context.js';

/*
 * What the two databases are told when a message has come to the end of its way, or a part of it has. History hears first: a life
 * that ends in between leaves the sealed copy, and the next one finishes it.
 */

/** The row takes its final position, and the outbox rows are done. */
export async function markSent(
  context: EngineContext,
  { id, conversation, hlc, covers }: SealedMessageRow,
): Promise<void> {
  await context.history.write(['messages', 'conversations', 'outbox'], async (transaction) => {
    const row = await transaction.get('messages', [conversation, context.user, id, THIS_DEVICE]);
    if (row) {
      const status = grownStatus(row.status, 'sent');
      await transaction.put('messages', { ...row, hlc, status, failure: null });
      await touchConversation(transaction, conversation);
    }
    await deleteRows(transaction, covers);
  });
}

export async function markFailed(
  context: EngineContext,
  { id, conversation, covers }: Pick<SealedMessageRow, 'id' | 'conversation' | 'covers'>,
  failure: SendFailure,
): Promise<void> {
  await context.history.write(['messages', 'outbox'], async (transaction) => {
    const row = await transaction.get('messages', [conversation, context.user, id, THIS_DEVICE]);
    if (row?.status === 'pending') await transaction.put('messages', { ...row, status: 'failed', failure });
    await deleteRows(transaction, covers);
  });
}

/** @param covers outbox rows that nothing is to become of */
export async function withdraw(context: EngineContext, covers: readonly string[]): Promise<void> {
  await context.history.write(['outbox'], (transaction) => deleteRows(transaction, covers));
}

async function deleteRows(
  transaction: WriteTransaction<Pick<HistoryRows, 'outbox'>>,
  covers: readonly string[],
): Promise<void> {
  for (const key of covers) await transaction.delete('outbox', [key]);
}

/** @param gone devices that are there no more */
export async function noteStored(
  context: EngineContext,
  stored: readonly SealedPayloadRow[],
  gone: readonly SealedPayloadRow[],
): Promise<void> {
  await commitVault(context, ['sealedPayloads'], async (transaction) => {
    for (const row of stored) await transaction.put('sealedPayloads', { ...row, stored: 1 });
    for (const { message, user, device, registration } of gone)
      await transaction.delete('sealedPayloads', [message, user, device, registration]);
  });
}

export async function dropSealed(context: EngineContext, id: string, sent: SentRow['state']): Promise<void> {
  await commitVault(context, ['sealedMessages', 'sealedPayloads', 'sent'], async (transaction) => {
    for (const { user, device, registration } of await transaction.range('sealedPayloads', startingWith(id))) {
      await transaction.delete('sealedPayloads', [id, user, device, registration]);
    }
    await transaction.delete('sealedMessages', [id]);
    if (sent === 'void') await voidSent(transaction, id);
  });
}

/** It never went out: who misses it is told that nothing was lost. */
async function voidSent(transaction: WriteTransaction<Pick<VaultRows, 'sent'>>, message: string): Promise<void> {
  for (const row of await transaction.range('sent', { index: 'message', ...startingWith(message) })) {
    if (row.state === 'kept') await transaction.put('sent', { ...row, state: 'void', body: null });
  }
}
