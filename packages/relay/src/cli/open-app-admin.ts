import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { AppId } from '@sotto/protocol';

import { adminClient } from '../admin/admin-client.js';
import type { AppAdmin } from '../apps/app-admin.js';
import { AppService } from '../apps/app-service.js';
import { staticApp } from '../apps/app.js';
import { DELETION_GRACE_MS, purgeApp, purgeDeleted } from '../apps/purge.js';
import { sealer } from '../apps/seal.js';
import { ConfigError } from '../config/config-error.js';
import { configFrom, type RelayConfig } from '../config/config.js';
import type { Environment } from '../config/read-setting.js';
import { AuditLog } from '../ops/audit.js';
import { lockDataFolder } from '../ops/data-folder.js';
import { createLog } from '../ops/log.js';
import { systemClock, systemRandom } from '../platform.js';
import { openPglite } from '../store/sql/pglite.js';
import { openPostgres } from '../store/sql/postgres.js';
import { openSqlStore } from '../store/sql/sql-store.js';
import type { Store } from '../store/store.js';
import { CliError } from './cli-error.js';

export interface OpenAdmin {
  admin: AppAdmin;
  /** Where the apps are, for people. */
  place: string;
  /** Removes the data of an app that is being deleted; resolves with what to tell the operator. */
  purge: (app: AppId, onProgress: (removed: number) => void) => Promise<string>;
  close: () => Promise<void>;
}

/**
 * Through the admin API when SOTTO_ADMIN_URL says where, and then the relay logs what is done; else on the database that
 * a relay with these settings has.
 *
 * @param err gets the audit log of what is done on the database, a JSON object a line
 */
export async function openAppAdmin(
  environment: Environment,
  data: string | undefined,
  creates: boolean,
  err: (text: string) => void,
): Promise<OpenAdmin> {
  const url = environment['SOTTO_ADMIN_URL'];
  if (url !== undefined) return throughApi(url, environment['SOTTO_ADMIN_TOKEN']);
  const config = configFrom(environment, { data });
  const { store, place, isAlone, close } = await openDatabase(config, creates);
  const audit = new AuditLog(createLog('info', { write: err }), systemClock);
  const admin = new AppService({
    store: store.apps,
    sealer: sealer(config.secretsKey ?? null),
    statics: config.apps.map(staticApp),
    now: Date.now,
    random: systemRandom,
    // Nodes that run look for changes themselves, every other second; who made them only this process knows.
    changed: (event, app) => {
      audit.security({ event, app, by: commandLine() });
      return Promise.resolve();
    },
  });
  return {
    admin,
    place,
    close,
    async purge(app, onProgress) {
      const removed = await purgeApp(store.apps, app, onProgress);
      // Nobody else can be writing: its name is free at once.
      if (isAlone) await purgeDeleted(store.apps, [{ id: app, state: 'deleting' }], Date.now() + 2 * DELETION_GRACE_MS);
      const free = isAlone ? '' : ' A running relay frees the id a minute after the deletion.';
      return `All of its data is removed (${removed} rows).${free}`;
    },
  };
}

/** In an audit log: the user id of the operating system, where there is one. A container has no name for it. */
function commandLine(): string {
  const user = process.getuid?.();
  return user === undefined ? 'command line' : `command line, uid ${user}`;
}

function throughApi(url: string, token: string | undefined): OpenAdmin {
  if (token === undefined) throw new CliError('SOTTO_ADMIN_URL is set, but not SOTTO_ADMIN_TOKEN.');
  if (!/^https?:\/\//.test(url)) throw new CliError('SOTTO_ADMIN_URL must be http://... or https://...');
  return {
    admin: adminClient({ url, token }),
    place: `the relay at ${url}`,
    purge: () => Promise.resolve('The relay removes its data now; the id is free again when that is done.'),
    close: () => Promise.resolve(),
  };
}

interface Database {
  store: Store;
  place: string;
  /** No relay can be running on it. */
  isAlone: boolean;
  close: () => Promise<void>;
}

async function openDatabase(config: RelayConfig, creates: boolean): Promise<Database> {
  const { databaseUrl, dataFolder } = config;
  if (databaseUrl !== undefined) {
    const sql = openPostgres(databaseUrl, { connections: 2, onError: () => undefined });
    const store = await openSqlStore(sql).catch(async (error: unknown) => {
      await sql.close();
      throw new CliError(`The database at DATABASE_URL cannot be used: ${error instanceof Error ? error.message : ''}`);
    });
    return { store, place: 'the database at DATABASE_URL', isAlone: false, close: () => store.close() };
  }
  const folder = join(dataFolder, 'pglite');
  if (!creates && !existsSync(folder)) {
    throw new CliError(
      `There is no relay data in ${dataFolder}. Say where the apps are: --data FOLDER, DATABASE_URL, or SOTTO_ADMIN_URL.`,
    );
  }
  const unlock = await lockOrExplain(dataFolder);
  const store = await openSqlStore(await openPglite(folder));
  const close = async () => {
    await store.close();
    await unlock();
  };
  return { store, place: `the data folder ${dataFolder}`, isAlone: true, close };
}

async function lockOrExplain(folder: string): Promise<() => unknown> {
  try {
    return await lockDataFolder(folder);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError(
      `A relay works in ${folder}. Go through its admin API (SOTTO_ADMIN_URL and SOTTO_ADMIN_TOKEN), or stop it first.`,
    );
  }
}
