import { directConversationId } from '../content/content.js';
import type { HistoryRows } from '../history/schema.js';
import { startingWith, type WriteTransaction } from '../storage/tables.js';
import type { VaultRows } from '../vault/schema.js';
import { OWN_COPY } from './asking.js';
import { commitVault, type EngineContext } from './context.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** As long as an envelope may wait at the relay. */
const RETENTION_MS = 45 * DAY_MS;

/** What was sent is kept for some grace longer; and at most so many. */
const KEEP_SENT_MS = RETENTION_MS + 14 * DAY_MS;
const MAX_SENT = 10_000;

/**
 * Forgets what is of no use any more.
 *
 * @param now relay-corrected milliseconds since the epoch
 */
export async function forgetOld(context: EngineContext, now: number): Promise<void> {
  const { user, history, clock } = context;
  await commitVault(context, ['sent', 'undecryptable'], async (transaction) => {
    await forgetSent(transaction, clock.now());
    await forgetUndecryptable(transaction, now);
  });
  await history.write(['messages', 'notices'], (transaction) =>
    forgetOwnCopies(transaction, directConversationId(user, user), now),
  );
}

/** What nobody can ask for any more. */
async function forgetSent(transaction: WriteTransaction<Pick<VaultRows, 'sent'>>, now: number): Promise<void> {
  const excess = (await transaction.count('sent')) - MAX_SENT;
  const old = await transaction.range('sent', { index: 'sealedAt', upper: [now - KEEP_SENT_MS] });
  const most = excess > 0 ? await transaction.range('sent', { index: 'sealedAt', limit: excess }) : [];
  for (const { user, device, registration, counter } of [...old, ...most])
    await transaction.delete('sent', [user, device, registration, counter]);
}

/** What the relay cannot deliver again, so that no repeat of it has to be known. */
async function forgetUndecryptable(
  transaction: WriteTransaction<Pick<VaultRows, 'undecryptable'>>,
  now: number,
): Promise<void> {
  for (const { id } of await transaction.range('undecryptable', { index: 'at', upper: [now - RETENTION_MS] }))
    await transaction.delete('undecryptable', [id]);
}

/**
 * What went wrong with own devices' copies and was never settled, perhaps because their author's device is gone. Kept until the
 * notice of it is dismissed: the notice goes by itself with the last of it, which must mean that it has come.
 */
async function forgetOwnCopies(
  transaction: WriteTransaction<Pick<HistoryRows, 'messages' | 'notices'>>,
  conversation: string,
  now: number,
): Promise<void> {
  if (await transaction.get('notices', [OWN_COPY])) return;
  for (const { user, id, device, at } of await transaction.range('messages', startingWith(conversation)))
    if (at <= now - RETENTION_MS) await transaction.delete('messages', [conversation, user, id, device]);
}
