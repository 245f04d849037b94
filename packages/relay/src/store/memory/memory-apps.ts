import type { AppId } from '@sotto/protocol';

import type { AppStore, StoredApp } from '../app-store.js';

/** Apps in memory, with the semantics of the SQL statements. @param purge removes everything of an app, says how much */
export function memoryApps(purge: (app: AppId) => number): AppStore {
  const apps = new Map<AppId, StoredApp>();
  let revision = 0;
  return {
    revision: () => Promise.resolve(String(revision)),
    list: () => Promise.resolve([...apps.values()]),
    async update(app, decide) {
      await Promise.resolve();
      const { write, result } = decide(apps.get(app) ?? null);
      if (write === null) apps.delete(app);
      else if (write) apps.set(app, write);
      revision++;
      return result;
    },
    purge: async (app) => Promise.resolve(purge(app)),
  };
}
