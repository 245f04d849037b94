import type { AppId, DownEvent } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { Login } from '../../src/auth/token-verifier.js';
import { aciOf } from '../../src/auth/user.js';
import { createRelayCore, localBus, memoryStore, type Clock } from '../../src/index.js';
import { RelayError } from '../../src/errors.js';
import { StoreError, type Store } from '../../src/store/store.js';
import { helloOf, messageTo, someKey, random } from '../support/device.js';

const APP = 'acme' as AppId;

/** A clock that moves when it is told to, and runs what is due. */
function handClock() {
  let now = 1_000_000;
  const tasks = new Set<{ at: number; task: () => void }>();
  const clock: Clock = {
    now: () => now,
    after(ms, task) {
      const entry = { at: now + ms, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
  };
  const advance = (ms: number) => {
    now += ms;
    for (const entry of [...tasks]) {
      if (entry.at > now || !tasks.delete(entry)) continue;
      entry.task();
    }
  };
  return { clock, advance };
}

/** Tokens of the form `user@expiry`: verification without a signature, and without leaving the event loop. */
const verifier = {
  verify(token: string): Promise<Login> {
    const [user = '', expiry = ''] = token.split('@');
    return Promise.resolve({ app: APP, user: aciOf(APP, user), expiresAt: Number(expiry) });
  },
};

async function world(changes: (store: Store) => Partial<Store> = () => ({})) {
  const { clock, advance } = handClock();
  const inner = memoryStore();
  const errors: unknown[] = [];
  const core = await createRelayCore({
    store: { ...inner, ...changes(inner) },
    bus: localBus(),
    verifier,
    clock,
    onError: (error) => errors.push(error),
  });

  async function join(name: string, expiresAt = clock.now() + 3_600_000) {
    const token = `${name}@${expiresAt}`;
    const login = await verifier.verify(token);
    const keys = { identityKey: someKey() as Uint8Array<ArrayBuffer>, attempt: random(32) as Uint8Array<ArrayBuffer> };
    const registered = await core.directory.register(login, keys);
    const device = { ...registered, ...keys, app: APP, name, url: '', token, listVersion: 1 };
    const signed = { record: Buffer.from(''), signature: random(64) };
    await inner.updateUser(APP, device.user, (state) => ({
      change: { list: { signed, version: 1 }, nextListVersion: 2, listed: state.devices.map(({ mailbox }) => mailbox) },
      result: undefined,
    }));
    const events: [DownEvent, unknown][] = [];
    const peer = { closed: false };
    const session = core.open(await core.admit(helloOf(device)), {
      emit: (event, message) => events.push([event, message]),
      close: () => (peer.closed = true),
    });
    await new Promise((resolve) => setImmediate(resolve));
    return { device, session, events, peer };
  }
  return { core, clock, advance, join, errors };
}

test('a socket outlives its token by less than a minute, unless a fresh one comes', async () => {
  const { clock, advance, join } = await world();
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

test('a deadlock is retried; one that stays is split, so that only the culprit’s sender waits', async () => {
  let calls = 0;
  const { join } = await world((store) => ({
    submit: (app, batch) => {
      calls++;
      const poisoned = batch.payloads.some((payload) => payload[0] === 66);
      return poisoned || calls === 1
        ? Promise.reject(new StoreError('conflict', new Error('deadlock')))
        : store.submit(app, batch);
    },
  }));
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
  const { join, errors } = await world(() => ({ submit: () => Promise.reject(failure) }));
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
  const { join } = await world((store) => ({
    submit: async (app, batch) => {
      if (changes-- > 0) return batch.items.map(() => ({ outcome: 'stale' as const }));
      return store.submit(app, batch);
    },
  }));
  const [alice, bob] = [await join('alice'), await join('bob')];
  expect(await alice.session.handle('submit', messageTo(bob.device, { complete: false }))).toEqual({
    ok: true,
    outcomes: ['stored'],
  });
});

test('a node that is going down admits nobody', async () => {
  const { core, join } = await world();
  const { device, events } = await join('alice');
  await core.close();
  expect(events.at(-1)).toMatchObject(['bye', { code: 'shutting-down' }]);
  await expect(core.admit(helloOf(device))).rejects.toThrow(RelayError);
  expect(core.connections).toBe(0);
});

test('a socket that sends without waiting is bounded, in requests and in bytes; then it goes on', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const { join } = await world((store) => ({
    submit: async (app, batch) => {
      await held;
      return store.submit(app, batch);
    },
  }));
  const [alice, bob] = [await join('alice'), await join('bob')];
  const submit = (size: number) =>
    alice.session.handle('submit', messageTo(bob.device, { complete: false, payload: random(size) }));
  const small = Array.from({ length: 1028 }, () => submit(10));
  expect(await Promise.all(small.slice(1024))).toMatchObject(
    Array.from({ length: 4 }, () => ({ ok: false, error: { code: 'rate-limited' } })),
  );
  release();
  expect(await Promise.all(small.slice(0, 1024))).toEqual(
    Array.from({ length: 1024 }, () => ({ ok: true, outcomes: ['stored'] })),
  );
  const large = await Promise.all(Array.from({ length: 100 }, () => submit(96 * 1024)));
  const refused = large.filter((reply) => !reply.ok);
  expect(refused.length).toBe(100 - Math.floor((8 * 1024) / 96));
  expect(await submit(96 * 1024)).toMatchObject({ ok: true });
});
