import { appConfig, staticApp, type AppConfigInput } from '../../src/apps/app.js';
import { AppRegistry } from '../../src/apps/app-registry.js';
import { DEFAULT_INACTIVE_MS } from '../../src/directory/inactivity.js';
import { DEFAULT_QUOTA, DEFAULT_RETENTION_MS } from '../../src/core.js';

/** These apps and no others, as the configuration names them. */
export function registryOf(...apps: AppConfigInput[]): AppRegistry {
  return new AppRegistry({
    statics: apps.map((app) => staticApp(appConfig.parse(app))),
    defaults: { retentionMs: DEFAULT_RETENTION_MS, quota: DEFAULT_QUOTA, inactiveMs: DEFAULT_INACTIVE_MS },
  });
}
