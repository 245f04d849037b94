import { AppRegistry } from '../apps/app-registry.js';
import { AppService, type AppServiceDeps } from '../apps/app-service.js';
import { staticApp, type AppConfig } from '../apps/app.js';
import { sealer } from '../apps/seal.js';
import type { Bus } from '../bus/bus.js';
import type { RelayConfig } from '../config/config.js';
import { systemRandom, type Clock } from '../platform.js';
import type { Store } from '../store/store.js';
import type { Startup } from './services.js';

interface Sources {
  store: Store;
  bus: Bus;
  clock: Clock;
  /** From the configuration. */
  statics: readonly AppConfig[];
}

export interface OpenApps {
  apps: AppRegistry;
  /** What operators change them with; each knows on whose behalf it does. */
  service: (changed: AppServiceDeps['changed']) => AppService;
}

/** All apps, read; from now on a notice on the bus has them read again. */
export async function openApps(
  config: RelayConfig,
  { store, bus, clock, statics }: Sources,
  { log, onError, cleanups }: Startup,
): Promise<OpenApps> {
  const fixed = statics.map(staticApp);
  const secrets = sealer(config.secretsKey ?? null);
  const apps = new AppRegistry({
    statics: fixed,
    defaults: { retentionMs: config.retentionMs, quota: config.quota, inactiveMs: config.inactiveMs },
    stored: { store: store.apps, sealer: secrets },
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
  return {
    apps,
    service: (changed) => {
      const now = () => clock.now();
      return new AppService({ store: store.apps, sealer: secrets, statics: fixed, now, random: systemRandom, changed });
    },
  };
}
