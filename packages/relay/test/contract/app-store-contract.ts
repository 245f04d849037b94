import type { AppId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { StoredApp } from '../../src/store/app-store.js';
import type { Store } from '../../src/store/store.js';

/** The apps of a store; part of the contract that every store passes. */
export function appStoreContract(name: string, open: () => Store): void {
  let count = 0;
  const newApp = (): StoredApp => {
    const id = `app-${name.toLowerCase()}-${++count}` as AppId;
    return { id, state: 'active', since: 1, createdAt: count, record: '{"a":1}' };
  };
  const write = (app: StoredApp | null, id = app?.id) =>
    open().apps.update(id as AppId, () => ({ write: app, result: undefined }));
  const find = async (id: AppId) => (await open().apps.list()).find((app) => app.id === id);

  test('an app is made, changed and forgotten, and every change shows in the revision', async () => {
    const { apps } = open();
    const app = newApp();
    const revisions = [await apps.revision()];
    for (const next of [app, { ...app, state: 'suspended' as const, since: 2, record: '{}' }, null]) {
      await write(next, app.id);
      expect(await find(app.id)).toEqual(next ?? undefined);
      revisions.push(await apps.revision());
    }
    expect(new Set(revisions).size).toBe(revisions.length);
    expect(await apps.revision()).toBe(revisions.at(-1));
  });

  test('a decision sees what stands, and a refusal changes nothing', async () => {
    const app = newApp();
    await write(app);
    const refuse = open().apps.update(app.id, (current) => {
      expect(current).toEqual(app);
      throw new Error('no');
    });
    await expect(refuse).rejects.toThrow('no');
    const result = await open().apps.update(app.id, () => ({ write: undefined, result: 'as it was' }));
    expect([result, await find(app.id)]).toEqual(['as it was', app]);
  });

  test('of two that make the same app at once, one sees the other’s', async () => {
    const app = newApp();
    const make = () =>
      open().apps.update(app.id, (current) => ({ write: current ? undefined : app, result: current !== null }));
    expect((await Promise.all([make(), make()])).sort()).toEqual([false, true]);
  });
}
