import { aciOf } from '../content/content.js';
import { STANDARD_KINDS } from '../content/kinds.js';
import { Front } from '../conversations/front.js';
import { startEngine, type Engine } from '../engine/engine.js';
import { SottoError } from '../errors.js';
import { HISTORY_SCHEMA, HISTORY_VERSION, type History } from '../history/schema.js';
import { socketIoRelay } from '../network/socket-io-relay.js';
import { idbTables, observableIdbTables } from '../storage/idb-tables.js';
import { memoryTables } from '../storage/memory-tables.js';
import { StorageError } from '../storage/storage-error.js';
import { systemClock } from '../util/clock.js';
import { systemRandom } from '../util/random.js';
import { VAULT_SCHEMA, VAULT_VERSION, type Vault } from '../vault/schema.js';
import { Client } from './client.js';
import { leadAlone, startElection, type Lead } from './election.js';
import { namesFor, type Names } from './names.js';
import { parseOptions, type ParsedOptions } from './options.js';
import type { ClientOptions, SottoClient } from './types.js';
import { unregister } from './unregister.js';

interface Databases {
  readonly history: History;
  readonly openVault: (onLost: () => void) => Promise<Vault>;
}

/**
 * Opens the chat of one user on this device. Works offline: what is stored can be read, and what is sent goes out later.
 *
 * @throws SottoError `bad-options`, `storage-failed`
 */
export async function createClient(options: ClientOptions): Promise<SottoClient> {
  const parsed = parseOptions(options);
  const names = namesFor(parsed);
  const relay = socketIoRelay(parsed.relay);
  const user = aciOf(parsed.app, parsed.user);
  let onHistoryLost: () => void = () => undefined;
  const databases = await openDatabases(parsed, names, () => onHistoryLost());
  const { history, openVault } = databases;

  const lead: Lead = async (resign) => {
    const vault = await openVault(resign).catch((error: unknown) => vaultFailed(history, error));
    let engine: Engine;
    try {
      engine = await startEngine({
        app: parsed.app,
        userName: parsed.user,
        user,
        kinds: STANDARD_KINDS,
        receipts: parsed.receipts,
        history,
        vault,
        relay,
        clock: systemClock,
        random: systemRandom,
        token: parsed.token,
        onSuperseded: resign,
      });
    } catch (error) {
      vault.close();
      throw error;
    }
    const unlisten = listenForNetwork(() => engine.retryNow());
    return async () => {
      unlisten();
      await engine.stop();
      // A vault in memory is the only copy: it lives as long as the client.
      if (parsed.storage === 'indexeddb') vault.close();
    };
  };

  // Stores in memory are this client's alone: there is nobody to agree with.
  const election =
    parsed.storage === 'memory'
      ? leadAlone(systemClock, lead)
      : startElection(names.lock, names.channel, systemClock, lead);
  const { app, user: name, receipts } = parsed;
  const front = new Front(app, user, name, systemClock, systemRandom, receipts, STANDARD_KINDS, history);
  const client = new Client(front, {
    close: async () => {
      await election.stop();
      history.close();
    },
    destroy: async () => {
      await election.stop();
      const vault = await openVault(() => undefined);
      await unregister(vault, relay, parsed.token);
      // History first: other tabs close when it goes, and then hold nothing of the vault.
      await history.destroy();
      await vault.destroy();
    },
  });
  onHistoryLost = () => void client.close();
  return client;
}

async function openDatabases(options: ParsedOptions, names: Names, onHistoryLost: () => void): Promise<Databases> {
  if (options.storage === 'memory') {
    const vault: Vault = memoryTables(VAULT_SCHEMA);
    return { history: memoryTables(HISTORY_SCHEMA), openVault: () => Promise.resolve(vault) };
  }
  try {
    const history = await observableIdbTables(names.history, HISTORY_VERSION, HISTORY_SCHEMA, onHistoryLost);
    return { history, openVault: (onLost) => idbTables(names.vault, VAULT_VERSION, VAULT_SCHEMA, onLost) };
  } catch (error) {
    if (error instanceof StorageError) throw new SottoError('storage-failed', undefined, { cause: error });
    throw error;
  }
}

/** Without the vault there is no engine, and no engine to say so. */
async function vaultFailed(history: History, error: unknown): Promise<never> {
  const value = { state: 'storage-failed', code: 'storage-failed' } as const;
  await history.write(['status'], (transaction) => transaction.put('status', { name: 'connection', value }));
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
