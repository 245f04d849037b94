import type { Aci, AppId } from '@sotto/protocol';

import { STANDARD_KINDS } from '../content/kinds.js';
import { startEngine, type Engine, type EngineOptions } from '../engine/engine.js';
import { laterModules } from '../engine/later.js';
import type { TokenSource } from '../engine/tokens.js';
import { unregister } from '../engine/unregister.js';
import type { ConnectionStatus } from '../history/connection-status.js';
import type { IdentityPolicy } from '../history/identity-policy.js';
import type { ReceiptPolicy } from '../history/receipt-policy.js';
import type { History } from '../history/schema.js';
import { socketIoRelay } from '../network/socket-io-relay.js';
import { systemClock } from '../util/clock.js';
import { isSeen, onPage } from '../util/page-events.js';
import { systemRandom } from '../util/random.js';
import type { OpenTabChannel } from '../util/tab-channel.js';
import type { Databases } from './databases.js';
import { answerFollowers, type Lead } from './election.js';
import type { Names } from './names.js';

/** Whose engine it is. Plain data: it crosses from a page to its worker. */
export interface EngineSetup {
  readonly app: AppId;
  readonly userName: string;
  readonly user: Aci;
  /** Origin of the relay. */
  readonly relay: string;
  readonly receipts: ReceiptPolicy;
  readonly identityChanges: IdentityPolicy;
  readonly names: Names;
  /** Of this page and its worker. */
  readonly tab: string;
}

/** What only the page can do for its engine. */
export interface PagePorts {
  readonly token: TokenSource;
  /** Shows a status that could not be stored. */
  readonly onUnstored: (status: ConnectionStatus) => void;
}

/** What leads does in this thread: opens the vault and runs the engine on it. */
export function leadHere(
  { relay, names, ...setup }: EngineSetup,
  { history, openVault, shared }: Databases,
  openTabChannel: OpenTabChannel,
  ports: PagePorts,
): Lead {
  const options: Omit<EngineOptions, 'vault' | 'onSuperseded'> = {
    ...setup,
    ...ports,
    history,
    openTabChannel,
    relay: socketIoRelay(relay),
    kinds: STANDARD_KINDS,
    clock: systemClock,
    random: systemRandom,
    later: laterModules,
  };
  return async (resign) => {
    const vault = await openVault(resign).catch((error: unknown) => vaultFailed(history, error));
    let engine: Engine;
    try {
      engine = await startEngine({ ...options, vault, onSuperseded: resign });
    } catch (error) {
      vault.close();
      throw error;
    }
    const unlisten = listenForNetwork(() => engine.retryNow());
    const stopAnswering = shared ? answerFollowers(names.channel) : () => undefined;
    return async () => {
      unlisten();
      stopAnswering();
      await engine.stop();
      if (shared) vault.close();
    };
  };
}

/** Without the vault there is no engine, and no engine to say so. */
async function vaultFailed(history: History, error: unknown): Promise<never> {
  const value = { state: 'storage-failed', code: 'storage-failed' } as const;
  await history.write(['status'], (transaction) => transaction.put('status', { name: 'connection', value, epoch: 0 }));
  throw error;
}

/** Where waiting for the next try makes no sense any more: the network is back, or a person looks. */
function listenForNetwork(retry: () => void): () => void {
  const unlisten = [
    onPage('online', retry),
    onPage('visibilitychange', () => {
      if (isSeen()) retry();
    }),
  ];
  return () => {
    for (const end of unlisten) end();
  };
}

/** Tells the relay that this device is going, before its stores are destroyed. */
export async function unregisterHere(
  { relay }: EngineSetup,
  { openVault, shared }: Databases,
  { token }: PagePorts,
): Promise<void> {
  const vault = await openVault(() => undefined);
  await unregister(vault, socketIoRelay(relay), token);
  if (shared) vault.close();
}
