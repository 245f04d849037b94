import { expect, test } from 'vitest';

import { everyApp } from '../../src/apps/tenants.js';
import { DEFAULT_QUOTA, DEFAULT_RETENTION_MS } from '../../src/core.js';
import { DEFAULT_INACTIVE_MS } from '../../src/directory/inactivity.js';
import { RelayError } from '../../src/errors.js';
import { localBus, memoryStore } from '../../src/index.js';
import { StoreError, type Store } from '../../src/store/store.js';
import { coreWorld, plainVerifier, settle, type Guest } from '../support/core.js';
import { helloOf, messageTo, random } from '../support/device.js';
import { gate } from '../support/gate.js';

test('a socket outlives its token by less than a minute, unless a fresh one comes', async () => {
  const { clock, advance, join } = await coreWorld();
  const { session, events, peer } = await join('alice', clock.now() + 100_000);
  expect(events.map(([event]) => event)).toEqual(['welcome', 'drained']);
  advance(120_000);
  expect(await session.handle('token', { token: `alice@${clock.now() + 100_000}` })).toEqual({ ok: true });
  advance(100_000);
  expect(peer.closed).toBe(false);
  advance(60_000);
  expect(events.at(-1)).toMatchObject(['bye', { code: 'token-expired' }]);
  expect(peer.closed).toBe(true);
});

test('when the grace period of a key is over, sockets with its tokens end; those that have renewed go on', async () => {
  const policy = { retentionMs: DEFAULT_RETENTION_MS, quota: DEFAULT_QUOTA, inactiveMs: DEFAULT_INACTIVE_MS };
  let end = Infinity;
  const keys: string[] = [];
  const { core, clock, advance, join } = await coreWorld({
    tenants: { ...everyApp(policy), acceptsKey: (_app, key, now) => key !== 'old' || now < end },
    // `user@expiry`, and the key.
    verifier: { verify: async (token) => ({ ...(await plainVerifier.verify(token)), key: keys.shift() ?? 'old' }) },
  });
  const [alice, bob] = [await join('alice'), await join('bob')];
  keys.push('new');
  expect(await bob.session.handle('token', { token: bob.device.token })).toEqual({ ok: true });
  end = clock.now() + 1_000;
  await core.heal();
  expect([alice.peer.closed, bob.peer.closed]).toEqual([false, false]);
  advance(1_000);
  await core.heal();
  expect(alice.events.at(-1)).toMatchObject(['bye', { code: 'token-invalid' }]);
  expect([alice.peer.closed, bob.peer.closed]).toEqual([true, false]);
});

test('a deadlock is retried; one that stays is split, so that only the culprit’s sender waits', async () => {
  let calls = 0;
  const { join } = await coreWorld({
    changes: (store) => ({
      submit: (app, batch) => {
        calls++;
        const poisoned = batch.payloads.some((payload) => payload[0] === 66);
        return poisoned || calls === 1
          ? Promise.reject(new StoreError('conflict', new Error('deadlock')))
          : store.submit(app, batch);
      },
    }),
  });
  const [alice, bob] = [await join('alice'), await join('bob')];
  const to = (first: number) => messageTo(bob.device, { complete: false, payload: Buffer.from([first, 1]) });
  const replies = await Promise.all([65, 66, 67, 68].map((first) => alice.session.handle('submit', to(first))));
  expect(replies).toMatchObject([
    { ok: true },
    { ok: false, error: { code: 'unavailable' } },
    { ok: true },
    { ok: true },
  ]);
});

test('a store that is away means "unavailable"; what nobody foresaw means "internal", without a detail', async () => {
  let failure: Error = new StoreError('unavailable', new Error('ECONNREFUSED'));
  const { join, errors } = await coreWorld({ changes: () => ({ submit: () => Promise.reject(failure) }) });
  const [alice, bob] = [await join('alice'), await join('bob')];
  const submit = () => alice.session.handle('submit', messageTo(bob.device, { complete: false }));
  expect(await submit()).toMatchObject({ ok: false, error: { code: 'unavailable' } });
  failure = new TypeError('a bug with details');
  const reply = await submit();
  expect(reply).toMatchObject({ ok: false, error: { code: 'internal' } });
  expect(JSON.stringify(reply)).not.toContain('details');
  expect(errors).toHaveLength(2);
});

test('a list that changes between check and commit is checked again', async () => {
  let changes = 1;
  const { join } = await coreWorld({
    changes: (store) => ({
      submit: async (app, batch) => {
        if (changes-- > 0) return batch.items.map(() => ({ outcome: 'stale' as const }));
        return store.submit(app, batch);
      },
    }),
  });
  const [alice, bob] = [await join('alice'), await join('bob')];
  expect(await alice.session.handle('submit', messageTo(bob.device, { complete: false }))).toEqual({
    ok: true,
    outcomes: ['stored'],
  });
});

test('who does not know of a device that has just joined is told, also by a node that remembers the older list', async () => {
  const { join, link } = await coreWorld();
  const [alice, bob] = [await join('alice'), await join('bob')];
  const old = { ...bob.device };
  const submit = () => alice.session.handle('submit', messageTo(old));
  expect(await submit()).toEqual({ ok: true, outcomes: ['stored'] });
  const laptop = await link(bob.device);
  const missing = [{ device: laptop.device, registration: laptop.registration }];
  expect(await submit()).toMatchObject({
    ok: false,
    error: { code: 'stale-device-list', stale: [{ missing, gone: [] }] },
  });
});

test('a node that is going down admits nobody', async () => {
  const { core, join } = await coreWorld();
  const { device, events } = await join('alice');
  await core.close();
  expect(events.at(-1)).toMatchObject(['bye', { code: 'shutting-down' }]);
  await expect(core.admit(helloOf(device))).rejects.toThrow(RelayError);
  expect(core.connections).toBe(0);
});

test('a socket that sends without waiting is bounded, in requests and in bytes; then it goes on', async () => {
  const held = gate();
  const { join } = await coreWorld({
    changes: (store) => ({
      submit: async (app, batch) => {
        await held.opened;
        return store.submit(app, batch);
      },
    }),
  });
  const [alice, bob] = [await join('alice'), await join('bob')];
  const submit = (size: number) =>
    alice.session.handle('submit', messageTo(bob.device, { complete: false, payload: random(size) }));
  const small = Array.from({ length: 1028 }, () => submit(10));
  expect(await Promise.all(small.slice(1024))).toMatchObject(
    Array.from({ length: 4 }, () => ({ ok: false, error: { code: 'rate-limited' } })),
  );
  held.open();
  expect(await Promise.all(small.slice(0, 1024))).toEqual(
    Array.from({ length: 1024 }, () => ({ ok: true, outcomes: ['stored'] })),
  );
  const large = await Promise.all(Array.from({ length: 100 }, () => submit(96 * 1024)));
  const refused = large.filter((reply) => !reply.ok);
  expect(refused.length).toBe(100 - Math.floor((8 * 1024) / 96));
  expect(await submit(96 * 1024)).toMatchObject({ ok: true });
});

test('after an outage of the bus, 2,500 mailboxes are asked for a thousand at a time, and each is healed once', async () => {
  const asked: number[] = [];
  const heads: Store['heads'] = (app, mailboxes) => {
    asked.push(mailboxes.length);
    return inner.heads(app, mailboxes);
  };
  const inner = memoryStore();
  const deaf = { ...localBus(), publish: () => undefined };
  const [north, south] = [
    await coreWorld({ store: inner, bus: deaf, changes: () => ({ heads }) }),
    await coreWorld({ store: inner, bus: deaf }),
  ];
  const guests: Guest[] = [];
  for (let count = 0; count < 2_500; count++) guests.push(await north.join(`guest-${count}`));
  const alice = await south.join('alice');
  const lucky = [0, 999, 1_000, 2_499].map((index) => guests[index] ?? fail());
  for (const { device } of lucky) await alice.session.handle('submit', messageTo(device));
  const gone = guests[1_500] ?? fail();
  await south.core.directory.removeSelf(await south.callerOf(gone.device));
  guests[2_000]?.session.close();
  await settle();
  expect(lucky.flatMap(({ all }) => all('deliver'))).toEqual([]);
  await north.core.heal();
  await settle();
  expect(asked).toEqual([1_000, 1_000, 499]);
  expect(lucky.map(({ all }) => all('deliver').length)).toEqual([1, 1, 1, 1]);
  expect(gone.all('bye')).toMatchObject([{ code: 'device-gone' }]);
  expect(guests.filter(({ peer }) => peer.closed)).toEqual([gone]);
});

test('a device list that the bus has not told of is told of when mailboxes are healed, once', async () => {
  const inner = memoryStore();
  const deaf = { ...localBus(), publish: () => undefined };
  const [north, south] = [await coreWorld({ store: inner, bus: deaf }), await coreWorld({ store: inner, bus: deaf })];
  const phone = await north.join('alice');
  const bob = await north.join('bob');
  await south.link(phone.device);
  await settle();
  expect(phone.all('device-list-changed')).toEqual([]);
  for (let times = 0; times < 2; times++) await north.core.heal();
  expect(phone.all('device-list-changed')).toEqual([{ version: phone.device.listVersion }]);
  expect(bob.all('device-list-changed')).toEqual([]);
});

test('a device list that was told of is not told of again', async () => {
  const { join, link, core } = await coreWorld();
  const phone = await join('alice');
  const laptop = await link(phone.device);
  await link(laptop, [phone.device]);
  await settle();
  const told = phone.all('device-list-changed');
  expect(told.at(-1)).toEqual({ version: phone.device.listVersion });
  await core.heal();
  expect(phone.all('device-list-changed')).toEqual(told);
});

function fail(): never {
  throw new Error('There is one.');
}
