import { aciOf } from '../content/content.js';
import { STANDARD_KINDS } from '../content/kinds.js';
import { loadExport } from '../conversations/export-stream.js';
import { Front } from '../conversations/front.js';
import { loadFingerprint } from '../conversations/identity.js';
import type { Engine, EngineOptions } from '../engine/engine.js';
import type { History } from '../history/schema.js';
import { systemClock } from '../util/clock.js';
import { broadcastTabChannel, localTabChannel } from '../util/tab-channel.js';
import { nextTask } from '../util/breath.js';
import { systemRandom } from '../util/random.js';
import { Client, loadLinking } from './client.js';
import { openDatabases, type Databases } from './databases.js';
import { leadAlone, startElection, type Lead } from './election.js';
import { namesFor } from './names.js';
import { parseOptions } from './options.js';
import type { ClientOptions, SottoClient } from './types.js';
import { askToPersist } from './storage-info.js';
import { unregister } from './unregister.js';
import { shareUnstored } from './unstored.js';

/**
 * Opens the chat of one user on this device. Works offline: what is stored can be read, and what is sent goes out later.
 *
 * @throws SottoError `bad-options`, `storage-failed`
 */
export async function createClient(options: ClientOptions): Promise<SottoClient> {
  const parsed = parseOptions(options);
  const names = namesFor(parsed);
  // Under way while the databases open. A tab shows its history without it.
  const engineModule = loadEngine();
  let onHistoryLost: () => void = () => undefined;
  const databases = await openDatabases(parsed.storage, names, () => onHistoryLost());
  const { history, openVault, shared, release } = databases;

  const common = {
    app: parsed.app,
    userName: parsed.user,
    user: aciOf(parsed.app, parsed.user),
    kinds: STANDARD_KINDS,
    receipts: parsed.receipts,
    history,
    clock: systemClock,
    random: systemRandom,
  };
  const openTabChannel = shared ? broadcastTabChannel(names.presence) : localTabChannel();

  const unstored = shareUnstored(shared ? names.channel : null, (status) => client.showUnstored(status));
  const lead = leading(databases, parsed.relay, engineModule, {
    ...common,
    identityChanges: parsed.identityChanges,
    openTabChannel,
    token: parsed.token,
    onUnstored: unstored.tell,
  });
  const election = shared ? startElection(names.lock, names.channel, systemClock, lead) : leadAlone(systemClock, lead);
  const front = new Front({ ...common, channel: openTabChannel() });
  const stop = async (): Promise<void> => {
    stopFetching();
    await election.stop();
    unstored.close();
  };
  const client = new Client(front, {
    close: async () => {
      await stop();
      await release();
    },
    destroy: async () => {
      await stop();
      const vault = await openVault(() => undefined);
      // Without the network it may not be had, and the relay is not reached either.
      const engine = await loadEngine().catch(() => null);
      if (engine) await unregister(vault, engine.socketIoRelay(parsed.relay), parsed.token);
      // History first: other tabs close when it goes, and then hold nothing of the vault.
      await history.destroy();
      await vault.destroy();
      await release();
    },
  });
  const stopFetching = fetchTheRest(client, engineModule);
  onHistoryLost = () => void client.close();
  if (parsed.storage === 'indexeddb') front.onFirstMessage = () => void askToPersist().catch(() => undefined);
  return client;
}

/** The start is over by then. */
const FETCH_AFTER_MS = 5_000;

type EngineModule = Awaited<ReturnType<typeof loadEngine>>;

/** Keys, ratchets and network: two thirds of the SDK, in a chunk of their own. */
function loadEngine() {
  // In a page that is one file, evaluating it would come at once, in the task that builds the page.
  const loading = nextTask().then(() => import('./engine-module.js'));
  // Who needs it sees the failure; a tab that never leads does not.
  loading.catch(() => undefined);
  return loading;
}

/**
 * Some seconds after the tab is online, what it may need later is fetched: a file that could not be had once, a browser may not
 * ask for again until the page is loaded anew, and after a deploy it may be gone.
 *
 * @returns what stops it
 */
function fetchTheRest(client: SottoClient, loaded: Promise<EngineModule>): () => void {
  const fetchForEngine = async (): Promise<void> => {
    const { laterModules } = await loaded.catch(loadEngine);
    await Promise.all([laterModules.presence(), laterModules.linking()]);
  };
  const fetchNow = (): void => {
    for (const part of [fetchForEngine(), loadExport(), loadFingerprint(), loadLinking()]) part.catch(() => undefined);
  };
  let cancel: (() => void) | null = null;
  const unsubscribe = client.connection.subscribe(({ state }) => {
    if (state === 'online') cancel ??= systemClock.after(FETCH_AFTER_MS, fetchNow);
  });
  return () => {
    unsubscribe();
    cancel?.();
  };
}

/** What the tab that leads does: opens the vault and runs the engine on it. */
function leading(
  { history, openVault, shared }: Databases,
  relayUrl: string,
  loaded: Promise<EngineModule>,
  options: Omit<EngineOptions, 'vault' | 'relay' | 'later' | 'onSuperseded'>,
): Lead {
  return async (resign) => {
    // Where it could not be loaded the first time, the network may be back by now.
    const { startEngine, laterModules: later, socketIoRelay } = await loaded.catch(loadEngine);
    const vault = await openVault(resign).catch((error: unknown) => vaultFailed(history, error));
    let engine: Engine;
    try {
      engine = await startEngine({ ...options, vault, relay: socketIoRelay(relayUrl), later, onSuperseded: resign });
    } catch (error) {
      vault.close();
      throw error;
    }
    const unlisten = listenForNetwork(() => engine.retryNow());
    return async () => {
      unlisten();
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
  // Neither exists in Node.
  const page = globalThis as Partial<Pick<Window, 'document' | 'addEventListener' | 'removeEventListener'>>;
  const { document } = page;
  const onVisible = (): void => {
    if (document?.visibilityState === 'visible') retry();
  };
  page.addEventListener?.('online', retry);
  document?.addEventListener('visibilitychange', onVisible);
  return () => {
    page.removeEventListener?.('online', retry);
    document?.removeEventListener('visibilitychange', onVisible);
  };
}
