import { join } from 'node:path';

import type { Bus } from '../bus/bus.js';
import { localBus } from '../bus/local-bus.js';
import { openRedisBus } from '../bus/redis-bus.js';
import { commandClient, connected } from '../bus/redis-client.js';
import type { ConfigError } from '../config/config-error.js';
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
import { NodeGuard } from './node-guard.js';

const BUS_NAME_KEY = 'sotto:bus-name';

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

/** What a node runs on, in the order in which it is needed. Rejects with `ConfigError` beside nodes that it could not hear. */
export async function openServices(config: RelayConfig, startup: Startup) {
  const store = await openStore(config, startup);
  const redis = await openRedis(config, startup);
  const { evicted } = await guardNode(config, store.store, redis, startup);
  return { ...store, redis, evicted, bus: await openBus(config, startup) };
}

/** `embedded`: a database that has no other housekeeper; `folder`: held by this process alone. */
async function openStore(
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

async function openBus(config: RelayConfig, { log, onError, cleanups, parts }: Startup): Promise<Bus> {
  const bus = parts.bus ?? (await connectBus(config, log, onError));
  cleanups.push(() => bus.close());
  return bus;
}

type RedisCommands = ReturnType<typeof commandClient>;

/** For commands; null without a Redis. */
async function openRedis(
  { redisUrl }: RelayConfig,
  { log, onError, cleanups }: Startup,
): Promise<RedisCommands | null> {
  if (redisUrl === undefined) return null;
  const redis = commandClient(redisUrl);
  redis.on('error', onError);
  cleanups.push(() => {
    redis.disconnect();
  });
  await connected(redis).catch((error: unknown) => {
    onError(error);
    log.warn(
      'Redis cannot be reached: this node starts as if it had gone away later, and is not ready until it is back',
    );
  });
  return redis;
}

/** Shared by all nodes when there is a Redis. */
export function openLimiter(
  { limits }: RelayConfig,
  redis: RedisCommands | null,
  hooks: Pick<LimiterOptions, 'onLimited' | 'budgetOf' | 'onError'>,
): Limiter {
  return createLimiter({ overrides: limits, ...(redis && { redis }), ...hooks });
}

/**
 * Refuses to run beside nodes that this one could not hear. An embedded database is held by a lock on its folder instead.
 *
 * @returns resolves when this node must stop
 */
async function guardNode(
  { databaseUrl, takeoverMs }: RelayConfig,
  store: Store,
  redis: RedisCommands | null,
  { onError, cleanups, parts }: Startup,
): Promise<{ evicted: Promise<ConfigError> }> {
  if (databaseUrl === undefined || parts.store || parts.bus) return { evicted: new Promise(() => undefined) };
  const busName = redis && {
    get: () => redis.get(BUS_NAME_KEY),
    async put(name: string) {
      await redis.set(BUS_NAME_KEY, name, 'NX');
    },
  };
  const guard = await NodeGuard.start({ databaseUrl, busName, waitMs: takeoverMs, onError });
  store.onMoved?.(() => {
    guard.moved();
  });
  cleanups.push(() => guard.close());
  return guard;
}

async function connectBus(config: RelayConfig, log: Logger, onError: (error: unknown) => void): Promise<Bus> {
  if (config.redisUrl === undefined) {
    log.info('bus: in this process. A second node needs REDIS_URL');
    return localBus();
  }
  log.info('bus: Redis');
  return openRedisBus(config.redisUrl, onError);
}
