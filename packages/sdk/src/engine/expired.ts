import type { Cursor, Envelope } from '@sotto/protocol';

import { enqueueAsk } from './asking.js';
import { commitVault, type EngineContext } from './context.js';
import type { RelayClock } from './relay-clock.js';

/** Devices that are asked what they sent while it expired here. */
const MAX_ASKED_AFTER_EXPIRY = 200;

/**
 * What lies below `first` and was not seen has expired at the relay. Everybody who wrote before is asked what that was.
 *
 * @param first the lowest seq that the relay still holds
 */
export async function noteExpired(
  context: EngineContext,
  clock: RelayClock,
  cursor: Cursor,
  first: number,
): Promise<void> {
  const upTo = first - 1;
  if (upTo <= cursor.seq) return;
  const row = await context.vault.read(['meta'], (transaction) => transaction.get('meta', ['expired']));
  if (row?.name === 'expired' && upTo <= row.upTo) return;
  const sessions = await context.vault.read(['sessions'], (transaction) => transaction.range('sessions'));
  const heard = sessions.filter(({ counters }) => counters.received > 0).slice(0, MAX_ASKED_AFTER_EXPIRY);
  const now = clock.now();
  await context.history.write(['outbox', 'conversations', 'notices'], async (transaction) => {
    for (const { user, device, registration, counters } of heard) {
      const only = {
        user,
        device: device as Envelope['device'],
        registration: registration as Envelope['registration'],
      };
      const body = { envelopes: [], counters: [], after: counters.received };
      await enqueueAsk(transaction, context, only, `after ${upTo}`, body, now);
    }
    await transaction.put('notices', { code: 'expired', at: now });
  });
  await commitVault(context, [], (transaction) => transaction.put('meta', { name: 'expired', upTo }));
}
