import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';
import { beforeAll, describe, expect, test } from 'vitest';

import { mailboxId, type DeviceAddress, type MailboxId } from '../../src/mailbox/mailbox-id.js';
import type { BatchItem, DeviceRecord, PreKeyUpload, Quota, Store, SubmitBatch } from '../../src/store/store.js';
import { aciOf } from '../../src/auth/user.js';
import { random, someKey } from '../support/device.js';
import { appStoreContract } from './app-store-contract.js';

const APP = 'acme' as AppId;
const ROOMY: Quota = { envelopes: 10_000, bytes: 10_000_000 };
const NOW = 1_700_000_000_000;
const DAY = 86_400_000;

interface Device {
  app: AppId;
  address: DeviceAddress;
  mailbox: MailboxId;
}

/** What every store must do; run on each of them. Every test makes users of its own. */
export function storeContract(name: string, openStore: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    let count = 0;

    beforeAll(async () => {
      store = await openStore();
      return () => store.close();
    });

    const newUser = (app = APP): Aci => aciOf(app, `${name}-user-${++count}`);

    async function newDevice(
      options: { app?: AppId; user?: Aci; device?: number; listed?: boolean } = {},
    ): Promise<Device> {
      const { app = APP, user = newUser(app), device = 1, listed = true } = options;
      const registration = ((++count % 16_000) + 1) as RegistrationId;
      const address: DeviceAddress = { user, device: device as DeviceId, registration };
      const mailbox = mailboxId(app, address);
      const record: DeviceRecord = {
        ...address,
        mailbox,
        secretHash: random(32),
        attemptHash: random(32),
        listed: false,
        createdAt: NOW,
        seenDay: Math.floor(NOW / DAY),
        removedAt: null,
      };
      await store.updateUser(app, user, () => ({ change: { add: record, identityKey: someKey() }, result: undefined }));
      if (listed) await setList({ app, address, mailbox }, 1);
      return { app, address, mailbox };
    }

    async function setList({ app, address, mailbox }: Device, version: number): Promise<void> {
      const signed = { record: Buffer.from(`list ${version}`), signature: random(64) };
      const change = { list: { signed, version }, nextListVersion: version + 1, listed: [mailbox] };
      await store.updateUser(app, address.user, () => ({ change, result: undefined }));
    }

    interface Letter {
      from?: DeviceAddress;
      to: Device | MailboxId;
      id?: Uint8Array;
      digest?: Uint8Array;
      size?: number;
      lists?: { user: Aci; version: number }[];
    }

    /** One submit with one item and one payload for each letter. */
    function batchOf(letters: Letter[], options: { quota?: Quota; now?: number } = {}): SubmitBatch {
      const { quota = ROOMY, now = NOW } = options;
      const stranger: DeviceAddress = { user: newUser(), device: 1 as DeviceId, registration: 1 as RegistrationId };
      return {
        now,
        quota,
        submits: letters.map(({ from = stranger, id = random(16), lists = [] }) => ({ sender: from, id, lists })),
        payloads: letters.map(({ size = 10 }) => random(size)),
        items: letters.map(({ to, digest = random(16) }, index): BatchItem => ({
          submit: index,
          payload: index,
          digest,
          mailbox: typeof to === 'string' ? to : to.mailbox,
        })),
      };
    }

    const submit = async (letters: Letter[], options: { quota?: Quota; now?: number; app?: AppId } = {}) =>
      (await store.submit(options.app ?? APP, batchOf(letters, options))).map((each) =>
        each.outcome === 'stored' ? each.seq : each.outcome,
      );

    const readAll = async (device: Device, after = 0) => {
      const page = await store.read(device.app, device.mailbox, after, { envelopes: 1000, bytes: 1e9 });
      return page?.envelopes ?? [];
    };

    const repeat = (letter: Letter, times: number): Letter[] => Array.from({ length: times }, () => ({ ...letter }));

    test('a batch for two mailboxes numbers each of them without gaps, and stores what was sent', async () => {
      const [alice, bob] = [await newDevice(), await newDevice()];
      const batch = batchOf([{ to: bob }, { to: alice }, { to: bob, size: 3 }, { to: bob }]);
      const outcomes = await store.submit(APP, batch);
      expect(outcomes.map((each) => each.outcome === 'stored' && each.seq)).toEqual([1, 1, 2, 3]);
      const envelopes = await readAll(bob);
      expect(envelopes.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(Buffer.from(envelopes[1]?.payload ?? [])).toEqual(Buffer.from(batch.payloads[2] ?? []));
      expect(Buffer.from(envelopes[1]?.id ?? [])).toEqual(Buffer.from(batch.submits[2]?.id ?? []));
      expect(envelopes[1]).toMatchObject({ ...batch.submits[2]?.sender, at: NOW });
      expect(await submit([{ to: bob }])).toEqual([4]);
    });

    test('one payload for several devices is sent once and reaches each', async () => {
      const [alice, bob] = [await newDevice(), await newDevice()];
      const batch = batchOf([{ to: alice }, { to: bob }]);
      batch.items.forEach((item) => (item.payload = 0));
      batch.payloads.length = 1;
      await store.submit(APP, batch);
      for (const device of [alice, bob]) expect(await readAll(device)).toHaveLength(1);
    });

    test('an empty batch is nothing', async () => {
      expect(await submit([])).toEqual([]);
      expect(await store.ack(APP, [])).toEqual([]);
    });

    test('a repeated envelope is a duplicate: while it is stored, after its ack, and for 48 hours more', async () => {
      const bob = await newDevice();
      const [digest, id] = [random(16), random(16)];
      expect(await submit([{ to: bob, digest, id }])).toEqual([1]);
      expect(await submit([{ to: bob, digest, id }, { to: bob }])).toEqual(['duplicate', 2]);
      expect(await store.ack(APP, [{ mailbox: bob.mailbox, seq: 1, id }])).toEqual([true]);
      expect(await submit([{ to: bob, digest, id }])).toEqual(['duplicate']);
      const policy = { retentionMs: 400 * DAY, dedupeMs: 2 * DAY };
      await store.sweep({ now: NOW, ...policy });
      await store.sweep({ now: NOW + 2 * DAY - 1, ...policy });
      expect(await submit([{ to: bob, digest, id }])).toEqual(['duplicate']);
      await store.sweep({ now: NOW + 2 * DAY, ...policy });
      expect(await submit([{ to: bob, digest, id }])).toEqual([3]);
      expect((await readAll(bob)).map(({ seq }) => seq)).toEqual([2, 3]);
    });

    test('the same digest in another mailbox is another envelope', async () => {
      const [alice, bob] = [await newDevice(), await newDevice()];
      const digest = random(16);
      expect(
        await submit([
          { to: alice, digest },
          { to: bob, digest },
        ]),
      ).toEqual([1, 1]);
    });

    test('an unknown, an unlisted and a removed device are gone, and disturb nobody else in the batch', async () => {
      const [bob, pending] = [await newDevice(), await newDevice({ listed: false })];
      const removed = await newDevice();
      await submit([{ to: removed }]);
      const remove = { mailboxes: [removed.mailbox], at: NOW };
      await store.updateUser(APP, removed.address.user, () => ({ change: { remove }, result: undefined }));
      const unknown = mailboxId(APP, { ...bob.address, registration: 16_383 as RegistrationId });
      expect(await submit([{ to: unknown }, { to: pending }, { to: removed }, { to: bob }])).toEqual([
        'device-gone',
        'device-gone',
        'device-gone',
        1,
      ]);
      expect(await store.mailbox(APP, removed.mailbox)).toBeNull();
      expect(await store.read(APP, removed.mailbox, 0, ROOMY)).toBeNull();
    });

    test('a submit against an outdated list stores nothing of itself, and all of the others', async () => {
      const bob = await newDevice();
      await setList(bob, 2);
      const user = bob.address.user;
      const nobody = newUser();
      const outcomes = await submit([
        { to: bob, lists: [{ user, version: 1 }] },
        { to: bob, lists: [{ user, version: 2 }] },
        {
          to: bob,
          lists: [
            { user, version: 2 },
            { user: nobody, version: 1 },
          ],
        },
        { to: bob },
      ]);
      expect(outcomes).toEqual(['stale', 1, 'stale', 2]);
    });

    test('a full mailbox refuses, keeps what it has, and takes more after an ack', async () => {
      const bob = await newDevice();
      const own = bob.address;
      const quota = { envelopes: 3, bytes: 1_000 };
      const id = random(16);
      expect(await submit([...repeat({ from: own, to: bob }, 2), { from: own, to: bob, id }], { quota })).toEqual([
        1, 2, 3,
      ]);
      expect(await submit(repeat({ from: own, to: bob }, 2), { quota })).toEqual(['mailbox-full', 'mailbox-full']);
      await store.ack(APP, [{ mailbox: bob.mailbox, seq: 3, id }]);
      expect(await submit([{ from: own, to: bob, size: 2_000 }], { quota })).toEqual(['mailbox-full']);
      expect(
        await submit(
          [
            { from: own, to: bob, size: 600 },
            { from: own, to: bob, size: 600 },
          ],
          { quota },
        ),
      ).toEqual([4, 'mailbox-full']);
    });

    test('the retry of an envelope that filled the mailbox hears that it is stored', async () => {
      const bob = await newDevice();
      const letter = { from: bob.address, to: bob, digest: random(16) };
      const quota = { envelopes: 1, bytes: 1_000 };
      expect(await submit([letter], { quota })).toEqual([1]);
      expect(await submit([letter], { quota })).toEqual(['duplicate']);
    });

    test('one sender gets a tenth of a mailbox, in envelopes and in bytes; others still get in', async () => {
      const [alice, bob, carol] = [await newDevice(), await newDevice(), await newDevice()];
      const quota = { envelopes: 50, bytes: 10_000 };
      const fromAlice = { from: alice.address, to: bob };
      expect(await submit(repeat(fromAlice, 7), { quota })).toEqual([1, 2, 3, 4, 5, 'mailbox-full', 'mailbox-full']);
      expect(await submit([fromAlice, { from: carol.address, to: bob, size: 900 }], { quota })).toEqual([
        'mailbox-full',
        6,
      ]);
      expect(await submit([{ from: carol.address, to: bob, size: 200 }], { quota })).toEqual(['mailbox-full']);
      expect(
        await submit(repeat({ from: { ...bob.address, device: 2 as DeviceId }, to: bob }, 8), { quota }),
      ).toHaveLength(8);
      expect((await store.mailbox(APP, bob.mailbox))?.head).toBe(14);
    });

    test('an ack is cumulative, repeats harmlessly, and is refused above the head or with another id', async () => {
      const bob = await newDevice();
      const ids = [random(16), random(16), random(16)] as const;
      await submit(ids.map((id) => ({ to: bob, id })));
      const ack = async (seq: number, id: Uint8Array) => (await store.ack(APP, [{ mailbox: bob.mailbox, seq, id }]))[0];
      expect(await ack(4, random(16))).toBe(false);
      expect(await ack(2, ids[0])).toBe(false);
      expect(await readAll(bob)).toHaveLength(3);
      expect(await ack(2, ids[1])).toBe(true);
      expect(await store.mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 3, acked: { seq: 2 } });
      expect(await ack(1, ids[0])).toBe(true);
      expect(await store.mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 3, acked: { seq: 2 } });
      expect(await ack(3, ids[2])).toBe(true);
      expect(await store.mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 4, acked: { seq: 3 } });
      expect(await store.envelopeIdAt(APP, bob.mailbox, 3)).toBeNull();
    });

    test('acks for several mailboxes stand alone', async () => {
      const [alice, bob] = [await newDevice(), await newDevice()];
      const id = random(16);
      await submit([{ to: alice }, { to: bob, id }]);
      const unknown = mailboxId(APP, { ...bob.address, registration: 16_383 as RegistrationId });
      expect(
        await store.ack(APP, [
          { mailbox: alice.mailbox, seq: 9, id },
          { mailbox: unknown, seq: 1, id },
          { mailbox: bob.mailbox, seq: 1, id },
        ]),
      ).toEqual([false, false, true]);
    });

    test('reading is bounded by count and by bytes, but always yields one', async () => {
      const bob = await newDevice();
      await submit([
        { to: bob, size: 100 },
        { to: bob, size: 100 },
        { to: bob, size: 100 },
        { to: bob, size: 100 },
      ]);
      const seqs = async (after: number, limit: Quota) =>
        (await store.read(APP, bob.mailbox, after, limit))?.envelopes.map(({ seq }) => seq);
      expect(await seqs(0, { envelopes: 3, bytes: 1_000 })).toEqual([1, 2, 3]);
      expect(await seqs(1, { envelopes: 3, bytes: 200 })).toEqual([2, 3]);
      expect(await seqs(2, { envelopes: 3, bytes: 5 })).toEqual([3]);
      expect(await store.read(APP, bob.mailbox, 4, ROOMY)).toEqual({ first: 1, head: 4, envelopes: [] });
    });

    test('old envelopes expire from the front; first tells', async () => {
      const bob = await newDevice();
      await submit([{ to: bob }, { to: bob }], { now: NOW - 10 * DAY });
      await submit([{ to: bob }], { now: NOW });
      const { expired } = await store.sweep({ now: NOW, retentionMs: 5 * DAY, dedupeMs: 2 * DAY });
      expect(expired).toBeGreaterThanOrEqual(2);
      expect(await store.mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 3, acked: { seq: 0, id: null } });
      expect((await readAll(bob)).map(({ seq }) => seq)).toEqual([3]);
    });

    test('heads of the mailboxes that exist', async () => {
      const [alice, bob] = [await newDevice(), await newDevice()];
      await submit([{ to: bob }]);
      const unknown = mailboxId(APP, { ...bob.address, registration: 16_383 as RegistrationId });
      expect(await store.heads(APP, [alice.mailbox, bob.mailbox, unknown])).toEqual(
        new Map([
          [alice.mailbox, 0],
          [bob.mailbox, 1],
        ]),
      );
    });

    test('nothing of one app is reachable from another, even with its own ids', async () => {
      const other = 'other' as AppId;
      const bob = await newDevice();
      const { mailbox, address } = bob;
      const id = random(16);
      await submit([{ to: bob, id }]);
      await store.putPreKeys(APP, mailbox, upload(2), NOW);
      expect(await submit([{ to: mailbox }], { app: other })).toEqual(['device-gone']);
      expect(await store.ack(other, [{ mailbox, seq: 1, id }])).toEqual([false]);
      expect(await store.mailbox(other, mailbox)).toBeNull();
      expect(await store.read(other, mailbox, 0, ROOMY)).toBeNull();
      expect(await store.envelopeIdAt(other, mailbox, 1)).toBeNull();
      expect((await store.heads(other, [mailbox])).size).toBe(0);
      expect(await store.user(other, address.user)).toBeNull();
      expect((await store.lists(other, [address.user])).size).toBe(0);
      expect(await store.putPreKeys(other, mailbox, upload(1), NOW)).toBeNull();
      expect(await store.takeBundle(other, mailbox, { oneTime: true, now: NOW })).toBeNull();
      expect(await store.preKeyCounts(other, mailbox)).toEqual({ oneTime: 0, kem: 0 });
      expect(await store.inspect(other)).toEqual({ devices: [], envelopes: [] });
      expect(await readAll(bob)).toHaveLength(1);
    });

    test('a decision that throws changes nothing', async () => {
      const bob = await newDevice();
      const before = await store.user(APP, bob.address.user);
      await expect(
        store.updateUser(APP, bob.address.user, () => {
          throw new Error('refused');
        }),
      ).rejects.toThrow('refused');
      expect(await store.user(APP, bob.address.user)).toEqual(before);
    });

    test('decisions about one user come one after another', async () => {
      const user = newUser();
      const seen = await Promise.all(
        Array.from({ length: 12 }, () =>
          store.updateUser(APP, user, (state) => ({
            change: { nextListVersion: state.nextListVersion + 1 },
            result: state.nextListVersion,
          })),
        ),
      );
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    });

    test('a user is remembered with all that a change may hold', async () => {
      const bob = await newDevice();
      const { user } = bob.address;
      const [link, reset] = [random(32), random(32)];
      await store.updateUser(APP, user, () => ({
        change: { addLinkToken: { hash: link, expiresAt: NOW + 1 }, useReset: { hash: reset, expiresAt: NOW + 1 } },
        result: undefined,
      }));
      const state = await store.user(APP, user);
      expect(state).toMatchObject({ listVersion: 1, nextListVersion: 2 });
      expect(state?.devices).toMatchObject([{ mailbox: bob.mailbox, listed: true, removedAt: null, createdAt: NOW }]);
      expect(state?.linkTokens.map(({ expiresAt }) => expiresAt)).toEqual([NOW + 1]);
      expect(state?.resets.map((hash) => Buffer.from(hash).toString('hex'))).toEqual([
        Buffer.from(reset).toString('hex'),
      ]);
      expect((await store.lists(APP, [user])).get(user)?.version).toBe(1);

      const change = { useLinkToken: link, list: null, remove: { mailboxes: [bob.mailbox], at: NOW + 5 } };
      await store.updateUser(APP, user, () => ({ change, result: undefined }));
      const after = await store.user(APP, user);
      expect(after).toMatchObject({ list: null, listVersion: 0, nextListVersion: 2, linkTokens: [] });
      expect(after?.devices).toMatchObject([{ listed: false, removedAt: NOW + 5 }]);
      await store.sweep({ now: NOW + 2, retentionMs: 400 * DAY, dedupeMs: 2 * DAY });
      expect((await store.user(APP, user))?.resets).toEqual([]);
    });

    let nextPreKey = 1;
    function upload(oneTime: number, kem = oneTime, replace = false): PreKeyUpload {
      const signed = (length: number) => ({
        id: nextPreKey++,
        key: someKey(length),
        signature: random(64),
        deviceSignature: random(64),
      });
      const keys = {
        signedPreKey: signed(33),
        lastResortKemPreKey: signed(1569),
        oneTimePreKeys: Array.from({ length: oneTime }, () => ({ id: nextPreKey++, key: someKey() })),
        kemPreKeys: Array.from({ length: kem }, () => signed(1569)),
        replace,
      };
      return keys;
    }

    test('a bundle uses up one key of each kind, then comes with the last-resort key', async () => {
      const bob = await newDevice();
      expect(await store.takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW })).toBeNull();
      const keys = upload(2, 1);
      expect(await store.putPreKeys(APP, bob.mailbox, keys, NOW)).toEqual({ oneTime: 2, kem: 1 });
      const take = (oneTime = true) => store.takeBundle(APP, bob.mailbox, { oneTime, now: NOW });
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
      await store.putPreKeys(APP, bob.mailbox, keys, NOW);
      const taken = await store.takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW });
      expect(await store.putPreKeys(APP, bob.mailbox, keys, NOW)).toEqual({ oneTime: 2, kem: 2 });
      const fresh = upload(1, 1, true);
      expect(await store.putPreKeys(APP, bob.mailbox, fresh, NOW)).toEqual({ oneTime: 1, kem: 1 });
      const next = await store.takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW });
      expect(next?.oneTimePreKey?.id).toBe(fresh.oneTimePreKeys[0]?.id);
      expect(next?.signedPreKey.id).toBe(fresh.signedPreKey?.id);
      expect(taken?.oneTimePreKey?.id).toBe(keys.oneTimePreKeys[0]?.id);
    });

    test('fifty parallel fetchers and repeated uploads: no key is handed out twice', async () => {
      const bob = await newDevice();
      const keys = upload(40);
      await store.putPreKeys(APP, bob.mailbox, keys, NOW);
      const fetches = Array.from({ length: 50 }, () => store.takeBundle(APP, bob.mailbox, { oneTime: true, now: NOW }));
      const uploads = Array.from({ length: 5 }, () => store.putPreKeys(APP, bob.mailbox, keys, NOW));
      const bundles = await Promise.all(fetches);
      await Promise.all(uploads);
      const handed = bundles.flatMap((bundle) => bundle?.oneTimePreKey?.id ?? []);
      const kem = bundles
        .flatMap((bundle) => bundle?.kemPreKey.id ?? [])
        .filter((id) => id !== keys.lastResortKemPreKey?.id);
      for (const ids of [handed, kem]) expect(new Set(ids).size).toBe(ids.length);
      expect(handed.length).toBe(40);
      expect(await store.preKeyCounts(APP, bob.mailbox)).toEqual({ oneTime: 0, kem: 0 });
    });

    test('the relay key stays the same', async () => {
      const key = await store.relayKey();
      expect(key).toHaveLength(32);
      expect(Buffer.from(await store.relayKey())).toEqual(Buffer.from(key));
    });

    test('the store has a clock, and counts what it holds', async () => {
      const before = await store.held();
      const bob = await newDevice();
      const [outcome] = await submit([{ to: bob }, { to: bob }, { to: bob }]);
      expect(outcome).toBe(1);
      expect(await store.held()).toBe(before + 3);
      await store.sweep({ now: NOW + 40 * DAY, retentionMs: 30 * DAY, dedupeMs: 2 * DAY });
      expect(await store.held()).toBe(0);
      const time = await store.time();
      expect(Math.abs(time - Date.now())).toBeLessThan(60_000);
      expect(await store.time()).toBeGreaterThanOrEqual(time);
    });

    appStoreContract(name, () => store);

    test('what belongs to an app can be removed bit by bit; other apps keep theirs', async () => {
      const app = `purged-${name.toLowerCase()}` as AppId;
      const [gone, kept] = [await newDevice({ app }), await newDevice()];
      const both = [gone, kept].map((device): [Device, PreKeyUpload] => [device, upload(3)]);
      for (const [device, keys] of both) {
        await submit([{ to: device }, { to: device }], { app: device.app });
        await store.putPreKeys(device.app, device.mailbox, keys, NOW);
        await store.takeBundle(device.app, device.mailbox, { oneTime: true, now: NOW });
        const addLinkToken = { hash: random(32), expiresAt: NOW + DAY };
        const useReset = { hash: random(32), expiresAt: NOW + DAY };
        await store.updateUser(device.app, device.address.user, () => ({
          change: { addLinkToken, useReset },
          result: undefined,
        }));
      }
      while ((await store.apps.purge(app)) > 0);
      expect(await store.apps.purge(app)).toBe(0);
      expect(await store.user(app, gone.address.user)).toBeNull();
      expect(await store.mailbox(app, gone.mailbox)).toBeNull();
      expect(await store.inspect(app)).toEqual({ devices: [], envelopes: [] });
      expect(await store.mailbox(APP, kept.mailbox)).toMatchObject({ head: 2, first: 1 });
      expect(await store.preKeyCounts(APP, kept.mailbox)).toEqual({ oneTime: 2, kem: 2 });
      expect((await store.user(APP, kept.address.user))?.linkTokens).toHaveLength(1);
    });

    test('an app may keep its envelopes for another time than the others', async () => {
      const [short, long] = [`short-${name.toLowerCase()}` as AppId, `long-${name.toLowerCase()}` as AppId];
      const devices = [await newDevice({ app: short }), await newDevice(), await newDevice({ app: long })];
      for (const device of devices) await submit([{ to: device }], { app: device.app });
      const retentionMsOf = new Map([
        [short, 1 * DAY],
        [long, 30 * DAY],
      ]);
      const firsts = async (days: number) => {
        await store.sweep({ now: NOW + days * DAY, retentionMs: 7 * DAY, retentionMsOf, dedupeMs: 90 * DAY });
        return Promise.all(devices.map(async ({ app, mailbox }) => (await store.mailbox(app, mailbox))?.first));
      };
      expect(await firsts(2)).toEqual([2, 1, 1]);
      expect(await firsts(8)).toEqual([2, 2, 1]);
      expect(await firsts(31)).toEqual([2, 2, 2]);
    });

    test('inspection shows devices and envelopes of one app', async () => {
      const app = `inspected-${name.toLowerCase()}` as AppId;
      const bob = await newDevice({ app });
      await submit([{ to: bob, size: 7 }], { app });
      const { devices, envelopes } = await store.inspect(app);
      expect(devices).toMatchObject([{ ...bob.address, preKeys: { oneTime: 0, kem: 0 } }]);
      expect(envelopes).toMatchObject([{ mailbox: bob.address, envelope: { seq: 1 } }]);
    });
  });
}
