import { join } from 'node:path';

import type { Bus } from '../bus/bus.js';
import { localBus } from '../bus/local-bus.js';
import { openRedisBus } from '../bus/redis-bus.js';
import { commandClient } from '../bus/redis-client.js';
import type { RelayConfig } from '../config/config.js';
import { createLimiter, type LimiterOptions } from '../limits/limiter.js';
import type { Limiter } from '../limits/limits.js';
import { openPglite } from '../store/sql/pglite.js';
import { openPostgres } from '../store/sql/postgres.js';
import type { Sql } from '../store/sql/driver.js';
import { openSqlStore } from '../store/sql/sql-store.js';
import type { Store } from '../store/store.js';
import { lockDataFolder } from './data-folder.js';
import type { Logger } from './log.js';

/** What an embedding program or a test brings itself; the relay closes it in the end. */
export interface RelayParts {
  store?: Store;
  bus?: Bus;
}

export interface Startup {
  log: Logger;
  onError: (error: unknown) => void;
  /** Undone in reverse order, when the relay closes or cannot start. */
  cleanups: (() => unknown)[];
  parts: RelayParts;
}

/** `embedded`: a database that has no other housekeeper; `folder`: held by this process alone. */
export async function openStore(
  config: RelayConfig,
  { log, onError, cleanups, parts }: Startup,
): Promise<{ store: Store; embedded: Sql | null; folder: string | null }> {
  const isEmbedded = config.databaseUrl === undefined && !parts.store;
  const folder = isEmbedded && !config.memory ? config.dataFolder : null;
  if (folder !== null) cleanups.push(await lockDataFolder(folder));
  if (parts.store) {
    const { store } = parts;
    cleanups.push(() => store.close());
    return { store, embedded: null, folder };
  }
  const sql = await openDatabase(config, log, onError);
  cleanups.push(() => sql.close());
  return { store: await openSqlStore(sql), embedded: isEmbedded ? sql : null, folder };
}

async function openDatabase(config: RelayConfig, log: Logger, onError: (error: unknown) => void): Promise<Sql> {
  if (config.databaseUrl !== undefined) {
    log.info({ connections: config.databaseConnections }, 'store: PostgreSQL');
    return openPostgres(config.databaseUrl, { connections: config.databaseConnections, onError });
  }
  if (config.memory) {
    log.warn('store: embedded PostgreSQL (PGlite) in memory: everything is gone when this process ends');
    return openPglite();
  }
  log.info(
    { folder: config.dataFolder },
    'store: embedded PostgreSQL (PGlite). It survives a crash of this process; to survive power loss, set DATABASE_URL',
  );
  return openPglite(join(config.dataFolder, 'pglite'));
}

export async function openBus(config: RelayConfig, { log, onError, cleanups, parts }: Startup): Promise<Bus> {
  const bus = parts.bus ?? (await connectBus(config, log, onError));
  cleanups.push(() => bus.close());
  return bus;
}

/** Shared by all nodes when there is a Redis. */
export async function openLimiter(
  { redisUrl, limits }: RelayConfig,
  { onError, cleanups }: Startup,
  hooks: Pick<LimiterOptions, 'onLimited' | 'budgetOf'>,
): Promise<Limiter> {
  if (redisUrl === undefined) return createLimiter({ overrides: limits, onError, ...hooks });
  const redis = commandClient(redisUrl);
  redis.on('error', onError);
  cleanups.push(() => {
    redis.disconnect();
  });
  await redis.connect();
  return createLimiter({ overrides: limits, redis, onError, ...hooks });
}

async function connectBus(config: RelayConfig, log: Logger, onError: (error: unknown) => void): Promise<Bus> {
  if (config.redisUrl === undefined) {
    log.info('bus: in this process. A second node needs REDIS_URL');
    return localBus();
  }
  log.info('bus: Redis');
  return openRedisBus(config.redisUrl, onError);
}
