import { createServer } from 'node:http';

import { createAdminApp } from '../admin/admin-server.js';
import type { AppRegistry } from '../apps/app-registry.js';
import type { Bus } from '../bus/bus.js';
import type { RelayConfig } from '../config/config.js';
import type { Limiter } from '../limits/limits.js';
import { observers as all, type RelayObserver } from '../observer.js';
import { listen } from './listen.js';
import type { OpenApps } from './open-apps.js';
import type { Startup } from './services.js';

interface AdminParts extends OpenApps {
  apps: AppRegistry;
  bus: Bus;
  limiter: Limiter;
  observers: readonly RelayObserver[];
}

/** The admin API, when somebody holds a token for it. @returns where it listens */
export async function openAdmin(
  config: RelayConfig,
  { apps, service, bus, limiter, observers }: AdminParts,
  { log, onError, cleanups }: Startup,
): Promise<string | null> {
  const { adminHost: host, adminPort, adminTokens: tokens } = config;
  if (tokens.length === 0) return null;
  const observer = all(observers);
  const app = createAdminApp({
    tokens,
    limiter,
    observer,
    onError,
    adminFor: (by) =>
      service(async (event, id) => {
        observer.security({ event, app: id, by });
        await apps.refresh().catch(onError);
        bus.publish('apps', new Uint8Array(1));
      }),
  });
  const server = createServer(app);
  const port = await listen(server, { host, port: adminPort });
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  log.info({ host, port }, 'the admin API listens');
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
