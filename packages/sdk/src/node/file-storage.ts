import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { exclusive, type ExclusiveStorage } from '../client/databases.js';
import { HISTORY_SCHEMA } from '../history/schema.js';
import { fileTables } from '../storage/file-tables.js';
import { VAULT_SCHEMA } from '../vault/schema.js';
import { lockFile } from './lock-file.js';

/**
 * Keeps keys and history in files, for bots and servers: what was sent and received survives a restart, and every write is on
 * the disk when it counts. One process may have a user's files open at a time. Needs the package `lmdb`.
 *
 *     createClient({ ..., storage: fileStorage('./bot-data') })
 *
 * The files hold the user's private keys, in a folder that only this process's user can enter (mode 0700): whoever
 * can read them can be that user. Two copies of the files must never run: their ratchets would diverge.
 *
 * @param folder made where it is missing
 */
export function fileStorage(folder: string): ExclusiveStorage {
  return {
    async open(names) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const [historyFile, vaultFile] = [join(folder, `${names.history}.mdb`), join(folder, `${names.vault}.mdb`)];
      const unlock = await lockFile(`${historyFile}.pid`);
      try {
        const history = fileTables(historyFile, HISTORY_SCHEMA);
        const vault = fileTables(vaultFile, VAULT_SCHEMA);
        return exclusive(history, vault, unlock);
      } catch (error) {
        await unlock();
        throw error;
      }
    },
  };
}
