import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Router } from 'express';
import type { Server as SocketServer } from 'socket.io';

import type { AppConfig } from './auth/app.js';
import { tokenVerifier } from './auth/token-verifier.js';
import type { Bus } from './bus/bus.js';
import { localBus } from './bus/local-bus.js';
import { openRedisBus } from './bus/redis-bus.js';
import { parseConfig, type RelayConfig, type RelayConfigInput } from './config/config.js';
import { createRelayCore, type RelayCore, type RelayObserver } from './core.js';
import { devApp, devTokenRoute } from './dev/dev-app.js';
import { DevObserver } from './dev/observe.js';
import { staticRoutes } from './dev/static.js';
import { attachGateway } from './gateway/gateway.js';
import { createHttpApp } from './http/app.js';
import { lockDataFolder } from './ops/data-folder.js';
import { healthRoutes } from './ops/health.js';
import { createLog, errorFields, type Logger } from './ops/log.js';
import { startUpkeep } from './ops/upkeep.js';
import { systemClock } from './platform.js';
import { openPglite } from './store/sql/pglite.js';
import { openPostgres } from './store/sql/postgres.js';
import { openSqlStore } from './store/sql/sql-store.js';
import type { Sql } from './store/sql/driver.js';
import type { Store } from './store/store.js';

/** How long clients and requests under way get before their connections are cut, milliseconds. */
const DRAIN_MS = 3_000;

export interface Relay {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  port: number;
  core: RelayCore;
  /** Graceful: tells clients, finishes commits, closes everything. Safe to call twice. */
  close(): Promise<void>;
}

/** What an embedding program or a test brings itself; the relay closes it in the end. */
export interface RelayParts {
  store?: Store;
  bus?: Bus;
}

/** Starts a relay in this process. Rejects with `ConfigError` when the configuration cannot be used. */
export async function startRelay(input: RelayConfigInput, parts: RelayParts = {}): Promise<Relay> {
  const config = parseConfig(input);
  const log = createLog(config.logLevel);
  const onError = (error: unknown) => {
    log.error(errorFields(error), 'something failed');
  };
  const cleanups: (() => unknown)[] = [];
  try {
    return await start(config, { log, onError, cleanups, parts });
  } catch (error) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw error;
  }
}

interface Startup {
  log: Logger;
  onError: (error: unknown) => void;
  /** Undone in reverse order, when the relay closes or cannot start. */
  cleanups: (() => unknown)[];
  parts: RelayParts;
}

async function start(config: RelayConfig, startup: Startup): Promise<Relay> {
  const { log, onError, cleanups } = startup;
  const { store, embedded, folder } = await openStore(config, startup);
  const bus = startup.parts.bus ?? (await openBus(config, log, onError));
  cleanups.push(() => bus.close());

  const dev = config.dev ? devApp(folder) : null;
  if (dev) log.warn('--dev: this relay gives a token to anyone who asks. Never use it for real people.');
  const apps: AppConfig[] = dev ? [dev, ...config.apps] : config.apps;
  const observer = dev ? devObserver(store, onError) : null;
  const core = await createRelayCore({
    store,
    bus,
    onError,
    verifier: tokenVerifier(apps, systemClock),
    retentionMs: config.retentionMs,
    quota: config.quota,
    ...(observer && { observer }),
  });
  observer?.watch(core);

  let isClosing = false;
  const extras: Router[] = [
    healthRoutes({ store: () => store.check(), bus: () => bus.check(), isClosing: () => isClosing }),
  ];
  if (dev && observer) extras.push(devTokenRoute(dev), observer.routes());
  const statics = config.staticFolder === undefined ? [] : staticRoutes(config.staticFolder);
  const server = createServer(createHttpApp({ core, apps, onError, extras, statics }));
  const io = attachGateway(server, { core, apps, onError });
  const port = await listen(server, config);
  const stopUpkeep = startUpkeep({ core, onError, ...(embedded && { sql: embedded }) });
  log.info({ port, dev: config.dev }, 'the relay listens');

  const close = once(async () => {
    isClosing = true;
    stopUpkeep();
    await core.close();
    observer?.close();
    await closeServers(io, server);
    for (const cleanup of cleanups.reverse()) await cleanup();
    log.info('the relay has stopped');
  });
  return { url: `http://127.0.0.1:${port}`, port, core, close };
}

/** `embedded`: a database that has no other housekeeper; `folder`: held by this process alone. */
async function openStore(
  config: RelayConfig,
  { log, onError, cleanups, parts }: Startup,
): Promise<{ store: Store; embedded: Sql | null; folder: string | null }> {
  const isEmbedded = config.databaseUrl === undefined && !parts.store;
  const folder = isEmbedded && !config.memory ? config.dataFolder : null;
  if (folder !== null) cleanups.push(lockDataFolder(folder));
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

async function openBus(config: RelayConfig, log: Logger, onError: (error: unknown) => void): Promise<Bus> {
  if (config.redisUrl === undefined) {
    log.info('bus: in this process. A second node needs REDIS_URL');
    return localBus();
  }
  log.info('bus: Redis');
  return openRedisBus(config.redisUrl, onError);
}

/** The observer is asked about sockets by, and told of changes by, a core that needs it first. */
function devObserver(
  store: Store,
  onError: (error: unknown) => void,
): DevObserver & { watch(core: RelayCore): void } & RelayObserver {
  let core: RelayCore | null = null;
  const observer = new DevObserver({ store, onError, isOnline: (mailbox) => core?.isOnline(mailbox) ?? false });
  return Object.assign(observer, {
    watch(watched: RelayCore) {
      core = watched;
    },
  });
}

function listen(server: HttpServer, { port, host }: RelayConfig): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function closeServers(io: SocketServer, server: HttpServer): Promise<void> {
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MS);
  await io.close();
  server.closeIdleConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
  clearTimeout(cut);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}
