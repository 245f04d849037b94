import { SottoError } from '../errors.js';
import { HISTORY_SCHEMA, HISTORY_VERSION, type History } from '../history/schema.js';
import type { OtherHalf } from '../storage/announcer.js';
import { idbTables, observableIdbTables } from '../storage/idb-tables.js';
import { StorageError } from '../storage/storage-error.js';
import { VAULT_SCHEMA, VAULT_VERSION, type Vault } from '../vault/schema.js';
import type { Names } from './names.js';

/** Where one client keeps everything. */
export interface Databases {
  readonly history: History;
  /** Opens the vault; without `shared` it is always the same one, which lives until `release`. */
  readonly openVault: (onLost: () => void) => Promise<Vault>;
  /** Whether other tabs may have them open too: then somebody is elected, and else this client leads. */
  readonly shared: boolean;
  /** Closes what is open. */
  readonly release: () => Promise<void>;
}

/** Stores that no other client has open meanwhile, such as `fileStorage` of `@sotto/sdk/node`. */
export interface ExclusiveStorage {
  open(names: Pick<Names, 'history' | 'vault'>): Promise<Databases>;
}

/**
 * @param onHistoryLost called when the history was closed from outside, as `destroy()` in another tab does
 * @param otherHalf the worker of this page, if it has one
 * @throws SottoError `storage-failed`, `storage-in-use`
 */
export async function openDatabases(
  storage: 'indexeddb' | 'memory' | ExclusiveStorage,
  names: Names,
  onHistoryLost: () => void,
  otherHalf: OtherHalf | null,
): Promise<Databases> {
  try {
    if (storage === 'memory') return await inMemory();
    return storage === 'indexeddb' ? await inBrowser(names, onHistoryLost, otherHalf) : await storage.open(names);
  } catch (error) {
    if (error instanceof StorageError) throw new SottoError('storage-failed', undefined, { cause: error });
    throw error;
  }
}

/** In IndexedDB: of all tabs, and of their workers. */
export async function inBrowser(
  names: Pick<Names, 'history' | 'vault'>,
  onHistoryLost: () => void,
  otherHalf: OtherHalf | null,
): Promise<Databases> {
  const history = await observableIdbTables(names.history, HISTORY_VERSION, HISTORY_SCHEMA, onHistoryLost, otherHalf);
  return {
    history,
    openVault: (onLost) => idbTables(names.vault, VAULT_VERSION, VAULT_SCHEMA, onLost),
    shared: true,
    release: async () => history.close(),
  };
}

async function inMemory(): Promise<Databases> {
  const { memoryTables } = await import('../storage/memory-tables.js').catch((cause: unknown) => {
    throw new SottoError('storage-failed', undefined, { cause });
  });
  return exclusive(memoryTables(HISTORY_SCHEMA), memoryTables(VAULT_SCHEMA), async () => undefined);
}

/** A history and a vault that this client alone has. */
export function exclusive(history: History, vault: Vault, released: () => Promise<void>): Databases {
  return {
    history,
    openVault: () => Promise.resolve(vault),
    shared: false,
    release: async () => {
      history.close();
      vault.close();
      await released();
    },
  };
}
