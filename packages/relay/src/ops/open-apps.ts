import { AppRegistry } from '../apps/app-registry.js';
import { staticApp, type AppConfig } from '../apps/app.js';
import { sealer } from '../apps/seal.js';
import type { Bus } from '../bus/bus.js';
import type { RelayConfig } from '../config/config.js';
import type { Store } from '../store/store.js';
import type { Startup } from './services.js';

interface Sources {
  store: Store;
  bus: Bus;
  /** From the configuration. */
  statics: readonly AppConfig[];
}

/** All apps, read; from now on a notice on the bus has them read again. */
export async function openApps(
  config: RelayConfig,
  { store, bus, statics }: Sources,
  { log, onError, cleanups }: Startup,
): Promise<AppRegistry> {
  const apps = new AppRegistry({
    statics: statics.map(staticApp),
    defaults: { retentionMs: config.retentionMs, quota: config.quota },
    stored: { store: store.apps, sealer: sealer(config.secretsKey ?? null) },
    onError,
  });
  await apps.refresh();
  for (const app of apps.shadowed) {
    log.warn({ app }, 'this app is in the configuration and in the database: the configuration counts');
  }
  if (apps.all().length === 0) {
    log.warn('there is no app yet, so every token is refused. Make one: sotto-relay app create');
  }
  cleanups.push(await bus.subscribe('apps', () => void apps.refresh().catch(onError)));
  return apps;
}
