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
  await forgetSent(context);
  await forgetUndecryptable(context, now);
}

/** What nobody can ask for any more. */
async function forgetSent(context: EngineContext): Promise<void> {
  await commitVault(context, ['sent'], async (transaction) => {
    const upper = [context.clock.now() - KEEP_SENT_MS];
    const excess = (await transaction.count('sent')) - MAX_SENT;
    const old = await transaction.range('sent', { index: 'sealedAt', upper });
    const most = excess > 0 ? await transaction.range('sent', { index: 'sealedAt', limit: excess }) : [];
    for (const { user, device, registration, counter } of [...old, ...most])
      await transaction.delete('sent', [user, device, registration, counter]);
  });
}

/** What the relay cannot deliver again, so that no repeat of it has to be known. */
async function forgetUndecryptable(context: EngineContext, now: number): Promise<void> {
  await commitVault(context, ['undecryptable'], async (transaction) => {
    for (const { id } of await transaction.range('undecryptable', { index: 'at', upper: [now - RETENTION_MS] }))
      await transaction.delete('undecryptable', [id]);
  });
}
