import type { AppId } from '@sotto/protocol';
import { beforeAll, describe, expect, test } from 'vitest';

import type { PreKeyUpload, Store } from '../../src/store/store.js';
import { random } from '../support/device.js';
import { appStoreContract } from './app-store-contract.js';
import { deliveryContract } from './delivery-contract.js';
import { directoryContract } from './directory-contract.js';
import { preKeyContract } from './prekey-contract.js';
import { quotaContract } from './quota-contract.js';
import { sealingContract } from './sealing-contract.js';
import { APP, DAY, NOW, ROOMY, storeWorld, type Device, type StoreWorld } from './store-world.js';
import { submitContract } from './submit-contract.js';

/** What every store must do; run on each of them. */
export function storeContract(name: string, openStore: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;

    beforeAll(async () => {
      store = await openStore();
      return () => store.close();
    });

    const world = storeWorld(name, () => store);
    submitContract(world);
    quotaContract(world);
    deliveryContract(world);
    sealingContract(world);
    directoryContract(world);
    preKeyContract(world);
    appStoreContract(name, () => store);
    wholeContract(world);
  });
}

/** What concerns all that a store holds. */
function wholeContract({ name, store, newDevice, submit, readAll, upload }: StoreWorld): void {
  test('nothing of one app is reachable from another, even with its own ids', async () => {
    const other = 'other' as AppId;
    const bob = await newDevice();
    const { mailbox, address } = bob;
    const id = random(16);
    await submit([{ to: bob, id }]);
    await store().putPreKeys(APP, mailbox, upload(2), NOW);
    expect(await submit([{ to: mailbox }], { app: other })).toEqual(['device-gone']);
    expect(await store().ack(other, [{ mailbox, seq: 1, id }])).toEqual([false]);
    expect(await store().mailbox(other, mailbox)).toBeNull();
    expect(await store().read(other, mailbox, 0, ROOMY)).toBeNull();
    expect(await store().envelopeIdAt(other, mailbox, 1)).toBeNull();
    expect((await store().heads(other, [mailbox])).size).toBe(0);
    expect(await store().user(other, address.user)).toBeNull();
    expect((await store().lists(other, [address.user])).size).toBe(0);
    expect(await store().putPreKeys(other, mailbox, upload(1), NOW)).toBeNull();
    expect(await store().takeBundle(other, mailbox, { oneTime: true, now: NOW })).toBeNull();
    expect(await store().preKeyCounts(other, mailbox)).toEqual({ oneTime: 0, kem: 0 });
    expect(await store().inspect(other)).toEqual({ devices: [], envelopes: [] });
    expect(await readAll(bob)).toHaveLength(1);
  });

  test('the relay key stays the same', async () => {
    const key = await store().relayKey();
    expect(key).toHaveLength(32);
    expect(Buffer.from(await store().relayKey())).toEqual(Buffer.from(key));
  });

  test('the store has a clock, and counts what it holds', async () => {
    const before = await store().held();
    const bob = await newDevice();
    const [outcome] = await submit([{ to: bob }, { to: bob }, { to: bob }]);
    expect(outcome).toBe(1);
    expect(await store().held()).toBe(before + 3);
    await store().sweep({ now: NOW + 40 * DAY, retentionMs: 30 * DAY, dedupeMs: 2 * DAY });
    expect(await store().held()).toBe(0);
    const time = await store().time();
    expect(Math.abs(time - Date.now())).toBeLessThan(60_000);
    expect(await store().time()).toBeGreaterThanOrEqual(time);
  });

  test('what belongs to an app can be removed bit by bit; other apps keep theirs', async () => {
    const app = `purged-${name.toLowerCase()}` as AppId;
    const [gone, kept] = [await newDevice({ app }), await newDevice()];
    const both = [gone, kept].map((device): [Device, PreKeyUpload] => [device, upload(3)]);
    for (const [device, keys] of both) {
      await submit([{ to: device }, { to: device }], { app: device.app });
      await store().putPreKeys(device.app, device.mailbox, keys, NOW);
      await store().takeBundle(device.app, device.mailbox, { oneTime: true, now: NOW });
      const addLinkToken = { hash: random(32), expiresAt: NOW + DAY };
      const useReset = { hash: random(32), expiresAt: NOW + DAY };
      await store().updateUser(device.app, device.address.user, () => ({
        change: { addLinkToken, useReset },
        result: undefined,
      }));
    }
    while ((await store().apps.purge(app)) > 0);
    expect(await store().apps.purge(app)).toBe(0);
    expect(await store().user(app, gone.address.user)).toBeNull();
    expect(await store().mailbox(app, gone.mailbox)).toBeNull();
    expect(await store().inspect(app)).toEqual({ devices: [], envelopes: [] });
    expect(await store().mailbox(APP, kept.mailbox)).toMatchObject({ head: 2, first: 1 });
    expect(await store().preKeyCounts(APP, kept.mailbox)).toEqual({ oneTime: 2, kem: 2 });
    expect((await store().user(APP, kept.address.user))?.linkTokens).toHaveLength(1);
  });

  test('inspection shows devices and envelopes of one app', async () => {
    const app = `inspected-${name.toLowerCase()}` as AppId;
    const bob = await newDevice({ app });
    await submit([{ to: bob, size: 7 }], { app });
    const { devices, envelopes } = await store().inspect(app);
    expect(devices).toMatchObject([{ ...bob.address, preKeys: { oneTime: 0, kem: 0 } }]);
    expect(envelopes).toMatchObject([{ mailbox: bob.address, envelope: { seq: 1 } }]);
  });
}
