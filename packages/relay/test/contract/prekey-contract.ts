import { expect, test } from 'vitest';

import { APP, NOW, type StoreWorld } from './store-world.js';

/** Each one-time prekey goes to one caller, ever. */
export function preKeyContract({ store, newDevice, upload }: StoreWorld): void {
  test('a bundle uses up one key of each kind, then comes with the last-resort key', async () => {
    const bob = await newDevice();
    expect(await store().takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW })).toBeNull();
    const keys = upload(2, 1);
    expect(await store().putPreKeys(APP, bob.mailbox, keys, NOW)).toEqual({ oneTime: 2, kem: 1 });
    const take = (oneTime = true) => store().takeBundle(APP, bob.mailbox, { oneTime, now: NOW });
    expect(await take(false)).toMatchObject({
      took: false,
      oneTimePreKey: null,
      kemPreKey: { id: keys.lastResortKemPreKey?.id },
    });
    const first = await take();
    expect(first).toMatchObject({
      took: true,
      left: { oneTime: 1, kem: 0 },
      signedPreKey: { id: keys.signedPreKey?.id },
      kemPreKey: { id: keys.kemPreKeys[0]?.id },
      oneTimePreKey: { id: keys.oneTimePreKeys[0]?.id },
    });
    expect(first && Buffer.from(first.kemPreKey.key)).toEqual(Buffer.from(keys.kemPreKeys[0]?.key ?? []));
    expect(first && Buffer.from(first.kemPreKey.deviceSignature)).toEqual(
      Buffer.from(keys.kemPreKeys[0]?.deviceSignature ?? []),
    );
    expect(await take()).toMatchObject({
      oneTimePreKey: { id: keys.oneTimePreKeys[1]?.id },
      kemPreKey: { id: keys.lastResortKemPreKey?.id },
    });
    expect(await take()).toMatchObject({ took: false, oneTimePreKey: null });
  });

  test('a repeated upload adds nothing and brings nothing back; replace drops the old stock', async () => {
    const bob = await newDevice();
    const keys = upload(3);
    await store().putPreKeys(APP, bob.mailbox, keys, NOW);
    const taken = await store().takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW });
    expect(await store().putPreKeys(APP, bob.mailbox, keys, NOW)).toEqual({ oneTime: 2, kem: 2 });
    const fresh = upload(1, 1, true);
    expect(await store().putPreKeys(APP, bob.mailbox, fresh, NOW)).toEqual({ oneTime: 1, kem: 1 });
    const next = await store().takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW });
    expect(next?.oneTimePreKey?.id).toBe(fresh.oneTimePreKeys[0]?.id);
    expect(next?.signedPreKey.id).toBe(fresh.signedPreKey?.id);
    expect(taken?.oneTimePreKey?.id).toBe(keys.oneTimePreKeys[0]?.id);
  });

  test('fifty parallel fetchers and repeated uploads: no key is handed out twice', async () => {
    const bob = await newDevice();
    const keys = upload(40);
    await store().putPreKeys(APP, bob.mailbox, keys, NOW);
    const fetches = Array.from({ length: 50 }, () => store().takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW }));
    const uploads = Array.from({ length: 5 }, () => store().putPreKeys(APP, bob.mailbox, keys, NOW));
    const bundles = await Promise.all(fetches);
    await Promise.all(uploads);
    const handed = bundles.flatMap((bundle) => bundle?.oneTimePreKey?.id ?? []);
    const kem = bundles
      .flatMap((bundle) => bundle?.kemPreKey.id ?? [])
      .filter((id) => id !== keys.lastResortKemPreKey?.id);
    for (const ids of [handed, kem]) expect(new Set(ids).size).toBe(ids.length);
    expect(handed.length).toBe(40);
    expect(await store().preKeyCounts(APP, bob.mailbox)).toEqual({ oneTime: 0, kem: 0 });
  });
}
