import { createServer, type Server as HttpServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';

import type { Server as SocketServer, Socket } from 'socket.io';

import { tokenVerifier } from './auth/token-verifier.js';
import type { ConfigError } from './config/config-error.js';
import { parseConfig, type RelayConfig, type RelayConfigInput } from './config/config.js';
import { createRelayCore, type RelayCore } from './core.js';
import { devApp, devTokenRoute } from './dev/dev-app.js';
import { DevObserver } from './dev/observe.js';
import { staticRoutes } from './dev/static.js';
import { attachGateway } from './gateway/gateway.js';
import { boundSilent } from './gateway/raw-connections.js';
import { WaitingRoom, type WaitingCaps } from './gateway/waiting-room.js';
import { createHttpApp } from './http/app.js';
import { docsRoutes } from './http/docs.js';
import type { MailboxId } from './mailbox/mailbox-id.js';
import { AuditLog } from './ops/audit.js';
import { AddressRules } from './ops/address-list.js';
import { BusProbe } from './ops/bus-probe.js';
import { healthRoutes } from './ops/health.js';
import { trustedProxies } from './ops/client-address.js';
import { listen } from './ops/listen.js';
import { createLog, errorLog } from './ops/log.js';
import { createMetrics, type MetricsSource } from './ops/metrics.js';
import { openAdmin } from './ops/open-admin.js';
import { openApps } from './ops/open-apps.js';
import { openLimiter, openServices, type RelayParts, type Startup } from './ops/services.js';
import { StoreClock } from './ops/store-clock.js';
import { startUpkeep } from './ops/upkeep.js';
import { systemClock, type Clock } from './platform.js';

/** How long clients and requests under way get before their connections are cut, milliseconds. */
const DRAIN_MS = 3_000;

/** Whoever says nothing, or says it byte by byte, is cut off: Node's own patience is a minute for a header, and five for a body. */
const SERVER_TIMES = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 2_000 };

export interface Relay {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  port: number;
  /** Where the admin API listens; null: nowhere. */
  adminUrl: string | null;
  core: RelayCore;
  /** Resolves when this relay stopped by itself: another node took its place while the database was away. */
  evicted: Promise<ConfigError>;
  /** Graceful: tells clients, finishes commits, closes everything. Safe to call twice. */
  close(): Promise<void>;
}

/** Starts a relay in this process. Rejects with `ConfigError` when the configuration cannot be used. */
export async function startRelay(input: RelayConfigInput, parts: RelayParts = {}): Promise<Relay> {
  const config = parseConfig(input);
  const log = createLog(config.logLevel);
  const onError = errorLog(log, systemClock);
  const cleanups: (() => unknown)[] = [];
  try {
    return await start(config, { log, onError, cleanups, parts });
  } catch (error) {
    for (const cleanup of cleanups.reverse()) await cleanup();
    throw error;
  }
}

/** Everything of a node that needs no door: what it is made of, and the core that they make up. */
async function openNode(config: RelayConfig, startup: Startup) {
  const { log, onError } = startup;
  const { store, embedded, folder, redis, bus, evicted } = await openServices(config, startup);
  const clock = new StoreClock(store);
  await clock.adjust();
  const dev = config.dev ? devApp(folder) : null;
  if (dev) log.warn('--dev: this relay gives a token to anyone who asks. Never use it for real people.');
  const statics = dev ? [dev, ...config.apps] : config.apps;
  const { apps, service } = await openApps(config, { store, bus, clock, statics }, startup);

  // The observers ask the core, which needs them first.
  const node: { core: RelayCore | null } = { core: null };
  const isOnline = (mailbox: MailboxId) => node.core?.isOnline(mailbox) ?? false;
  const devObserver = dev ? new DevObserver({ store, onError, isOnline }) : null;
  const waiting = waitingRooms(config, (by) => metrics.turnedAway(by));
  const metrics = createMetrics(clock, {
    ...figuresOf(node),
    clockSkew: () => clock.skew,
    waiting: () => waiting.transports.size + waiting.silent.size,
    token: config.metricsToken,
  });
  const limiter = openLimiter(config, redis, {
    onError,
    onLimited: (limit) => metrics.observer.limited?.(limit),
    budgetOf: (app, limit) => apps.budget(app, limit),
  });
  const observers = [metrics.observer, openAudit(startup, clock), ...(devObserver ? [devObserver] : [])];
  const core = await createRelayCore({
    store,
    bus,
    onError,
    clock,
    limiter,
    verifier: tokenVerifier(apps, clock),
    tenants: apps,
    retentionMs: config.retentionMs,
    inactiveMs: config.inactiveMs,
    quota: config.quota,
    observers,
  });
  node.core = core;
  apps.onChange(() => {
    core.recheckApps();
  });
  const devRoutes = dev && devObserver ? [devTokenRoute(dev), devObserver.routes()] : [];
  return {
    store,
    embedded,
    bus,
    clock,
    apps,
    service,
    limiter,
    observers,
    core,
    metrics,
    waiting,
    devObserver,
    devRoutes,
    evicted,
  };
}

function figuresOf(node: { core: RelayCore | null }): Pick<MetricsSource, 'connections' | 'backlog' | 'subscriptions'> {
  return {
    connections: () => node.core?.connections ?? 0,
    backlog: () => node.core?.backlog ?? 0,
    subscriptions: () => node.core?.subscriptions ?? 0,
  };
}

/** Each by itself: whoever has asked for something is in one of them no more. */
function waitingRooms(
  { waitingPerAddress: perAddress, waitingPerNode: perNode }: RelayConfig,
  turnedAway: (by: keyof WaitingCaps) => void,
) {
  const caps = { perAddress, perNode };
  return {
    transports: new WaitingRoom<Socket['conn']>(caps, turnedAway),
    silent: new WaitingRoom<TcpSocket>(caps, turnedAway),
  };
}

function openAudit({ log, cleanups }: Startup, clock: Clock): AuditLog {
  const audit = new AuditLog(log, clock);
  cleanups.push(() => {
    audit.flush();
  });
  return audit;
}

async function start(config: RelayConfig, startup: Startup): Promise<Relay> {
  const { log, onError, cleanups } = startup;
  const node = await openNode(config, startup);
  const { core, apps, store, bus, metrics, devObserver } = node;
  let isClosing = false;
  const health = healthRoutes({
    store: () => store.time(),
    migrations: () => store.migrated(),
    bus: () => bus.check(),
    isClosing: () => isClosing,
  });
  const extras = [health, metrics.routes, docsRoutes(), ...node.devRoutes];
  const statics = config.staticFolder === undefined ? [] : staticRoutes(config.staticFolder);
  const door = {
    core,
    apps,
    trustedProxies: trustedProxies(config.trustedProxies),
    addresses: new AddressRules({ allow: config.allowAddresses, deny: config.denyAddresses }),
    onError,
  };
  const { transports, silent } = node.waiting;
  const server = createServer(SERVER_TIMES, createHttpApp({ ...door, extras, statics }));
  boundSilent(server, silent, door.trustedProxies);
  const { io, sweep } = attachGateway(server, { ...door, waiting: transports, helloMs: config.helloMs });
  const port = await listen(server, config);
  const admin = await openAdmin(config, node, startup);
  const stopUpkeep = await upkeep(node, { sweepMs: config.sweepMs, sweepWaiting: sweep, onError });
  log.info({ port, dev: config.dev }, 'the relay listens');

  const close = once(async () => {
    isClosing = true;
    stopUpkeep();
    await core.close();
    devObserver?.close();
    await closeServers(io, server);
    for (const cleanup of cleanups.reverse()) await cleanup();
    log.info('the relay has stopped');
  });
  void node.evicted.then((reason) => {
    log.fatal(reason.message);
    return close();
  });
  return { url: `http://127.0.0.1:${port}`, port, adminUrl: admin, core, evicted: node.evicted, close };
}

type Node = Awaited<ReturnType<typeof openNode>>;

async function upkeep(
  { core, apps, store, bus, clock, metrics, embedded }: Node,
  options: { sweepMs: number; sweepWaiting: () => void; onError: (error: unknown) => void },
): Promise<() => void> {
  const probe = new BusProbe(bus, metrics.busProbed);
  await probe.start();
  const count = () => store.held().then(metrics.held);
  await count();
  const parts = { core, apps, store: store.apps, clock, probe, count, ...(embedded && { sql: embedded }) };
  return startUpkeep({ ...parts, ...options });
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
