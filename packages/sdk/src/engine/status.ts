import type { ConnectionStatus } from '../history/connection-status.js';
import type { EngineContext } from './context.js';

/** What is under our hands can change only as often as engines do. */
const MAX_TRIES = 3;

/**
 * Says how the connection is, while this engine leads. One that was frozen and robbed of the lead comes back with what was
 * true long ago: it must not have the last word.
 */
export async function writeStatus(
  { history, vault, epoch }: Pick<EngineContext, 'history' | 'vault' | 'epoch'>,
  value: ConnectionStatus,
): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = await history.read(['status'], (transaction) => transaction.get('status', ['connection']));
    const leader = await vault.read(['meta'], (transaction) => transaction.get('meta', ['epoch']));
    if (leader?.name !== 'epoch' || leader.epoch !== epoch) return;
    const written = await history.write(['status'], async (transaction) => {
      const now = await transaction.get('status', ['connection']);
      // Another engine has spoken since the vault was asked.
      if (now?.epoch !== before?.epoch) return false;
      await transaction.put('status', { name: 'connection', value, epoch });
      return true;
    });
    if (written) return;
  }
}
