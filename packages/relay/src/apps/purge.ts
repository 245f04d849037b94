import type { AppId } from '@sotto/protocol';

import type { AppStore } from '../store/app-store.js';
import type { App } from './app.js';

/** Longer than a node can go on working with an app that was deleted: then nothing is written into it any more. */
export const DELETION_GRACE_MS = 60_000;

/** Removes all data of an app, some thousand rows at a time. Several nodes may do so at once, and again. */
export async function purgeApp(store: AppStore, app: AppId, onProgress?: (removed: number) => void): Promise<number> {
  let removed = 0;
  for (;;) {
    const rows = await store.purge(app);
    if (rows === 0) return removed;
    removed += rows;
    onProgress?.(removed);
  }
}

/** For every app that is being deleted: its data, and in the end its name, which is then free again. */
export async function purgeDeleted(store: AppStore, apps: readonly Pick<App, 'id' | 'state'>[], now: number) {
  for (const { id, state } of apps) {
    if (state !== 'deleting') continue;
    await purgeApp(store, id);
    await store.update(id, (current) => {
      const isOver = current?.state === 'deleting' && current.since <= now - DELETION_GRACE_MS;
      return { write: isOver ? null : undefined, result: undefined };
    });
  }
}
