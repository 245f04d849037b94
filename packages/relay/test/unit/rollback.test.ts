import type { Envelope } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { localBus, memoryStore } from '../../src/index.js';
import { encodeRing } from '../../src/mailbox/ring.js';
import { StoreError, type Store } from '../../src/store/store.js';
import { coreWorld, settle, type Guest } from '../support/core.js';
import { messageTo, random } from '../support/device.js';

/** A database that can be put back: what was done to it is done again, up to a point. */
function lossyStore() {
  let inner = memoryStore();
  let done: { name: keyof Store; args: unknown[] }[] = [];
  const listeners: (() => void)[] = [];
  const call = (name: keyof Store, args: unknown[]): unknown =>
    (Reflect.get(inner, name) as (...args: unknown[]) => unknown)(...args);
  const recorded =
    (name: keyof Store) =>
    async (...given: unknown[]) => {
      const args = given.map((arg) => (typeof arg === 'function' ? once(arg as (...args: unknown[]) => unknown) : arg));
      done.push({ name, args });
      return call(name, args);
    };
  const methods = (Object.keys(inner) as (keyof Store)[]).map((name) => [
    name,
    typeof inner[name] === 'function' ? recorded(name) : inner[name],
  ]);
  return {
    store: {
      ...(Object.fromEntries(methods) as Store),
      onMoved: (listener: () => void) => listeners.push(listener),
    } as Store,
    length: () => done.length,
    async putBack(length: number): Promise<void> {
      inner = memoryStore();
      done = done.slice(0, length);
      for (const { name, args } of done) await call(name, args);
    },
    moved: () => {
      for (const listener of listeners) listener();
    },
  };
}

/** What was decided stays decided, as rows do. */
function once(decide: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  let decided: { result: unknown } | null = null;
  return (...args) => (decided ??= { result: decide(...args) }).result;
}

/** Alice has written five messages to Bob, who is online; he has what he has, and the database knows of two. */
async function afterFailover(options: { acked?: number; changes?: (store: Store) => Partial<Store> } = {}) {
  const { store, length, putBack, moved } = lossyStore();
  const world = await coreWorld({ store, ...(options.changes && { changes: options.changes }) });
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const submit = async (ids: Uint8Array[] = [random(16)]) => {
    const replies = await Promise.all(
      ids.map((id) => alice.session.handle('submit', messageTo(bob.device, { id, payload: random(20) }))),
    );
    await settle();
    return replies;
  };
  await submit();
  await submit();
  const kept = length();
  for (let count = 0; count < 3; count++) await submit();
  const last = received(bob)[(options.acked ?? 0) - 1];
  if (last) await acknowledge(world, bob, last);
  expect(received(bob).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  await putBack(kept);
  return { ...world, alice, bob, submit, moved };
}

/** Acknowledgements wait a little for each other. */
async function acknowledge({ advance }: { advance: (ms: number) => void }, guest: Guest, { seq, id }: Envelope) {
  const answered = guest.session.handle('ack', { seq, id });
  await settle();
  advance(10);
  expect(await answered).toEqual({ ok: true });
}

const received = (guest: Guest): Envelope[] => guest.all('deliver').flatMap(({ envelopes }) => envelopes);
const ends = (guest: Guest) => guest.all('bye').map(({ code }) => code);

test('a mailbox that reaches less far than what was sent from it ends its session when it is healed', async () => {
  const { core, open, alice, bob } = await afterFailover();
  await core.heal();
  expect(ends(bob)).toEqual(['ack-refused']);
  expect(bob.peer.closed).toBe(true);
  expect(ends(alice)).toEqual([]);
  const last = received(bob).at(-1) ?? fail();
  const again = await open(bob.device, { epoch: 2, cursor: { seq: last.seq, id: last.id } });
  expect(again.all('welcome')).toMatchObject([{ verdict: 'mailbox-reset', head: 2 }]);
});

test('a device that the restored database does not know yet hears that it is unknown, not that its user has removed it', async () => {
  const { store, length, putBack } = lossyStore();
  const { core, join, open } = await coreWorld({ store });
  const alice = await join('alice');
  const kept = length();
  const bob = await join('bob');
  await putBack(kept);
  await core.heal();
  // On `device-gone` it would wipe what it holds.
  expect(ends(bob)).toEqual(['device-unknown']);
  expect(ends(alice)).toEqual([]);
  await expect(open(bob.device)).rejects.toMatchObject({ code: 'device-unknown' });
});

test('a store that has moved is looked at at once', async () => {
  const { moved, bob } = await afterFailover();
  moved();
  await settle();
  expect(ends(bob)).toEqual(['ack-refused']);
});

test('what is stored where something else was delivered ends the session; nothing above it is sent on it', async () => {
  const { submit, bob } = await afterFailover();
  // One commit: it fills the three places that were lost, and two more.
  const replies = await submit([1, 2, 3, 4, 5].map(() => random(16)));
  expect(replies).toEqual(replies.map(() => ({ ok: true, outcomes: ['stored'] })));
  expect(ends(bob)).toEqual(['ack-refused']);
  expect(received(bob)).toHaveLength(5);
});

test('also where the device had acknowledged all that was lost', async () => {
  const { submit, bob } = await afterFailover({ acked: 5 });
  await submit([1, 2, 3, 4, 5].map(() => random(16)));
  expect(ends(bob)).toEqual(['ack-refused']);
  expect(received(bob)).toHaveLength(5);
});

test('a page that reaches less far than what was sent ends the session', async () => {
  const { submit, bob } = await afterFailover();
  const [known] = received(bob);
  // A repetition makes its reader look.
  await submit([known?.id ?? fail()]);
  expect(ends(bob)).toEqual(['ack-refused']);
});

test('a head that was read before the last deliveries ends nothing', async () => {
  const held: { release: (() => void)[] } = { release: [] };
  const { core, join } = await coreWorld({
    changes: (store) => ({
      heads: async (app, mailboxes) => {
        const heads = await store.heads(app, mailboxes);
        await new Promise<void>((resolve) => held.release.push(resolve));
        return heads;
      },
    }),
  });
  const [alice, bob] = [await join('alice'), await join('bob')];
  const healing = core.heal();
  await settle();
  await alice.session.handle('submit', messageTo(bob.device));
  await settle();
  expect(received(bob)).toHaveLength(1);
  held.release.forEach((release) => {
    release();
  });
  await healing;
  expect(ends(bob)).toEqual([]);
});

test('a ring that comes late, or twice, ends nothing, and is not delivered again', async () => {
  const bus = localBus();
  const { join, advance } = await coreWorld({ bus });
  const [alice, bob] = [await join('alice'), await join('bob')];
  for (let count = 0; count < 3; count++) await alice.session.handle('submit', messageTo(bob.device));
  await settle();
  const [first, second, third] = received(bob);
  if (!first || !second || !third) return fail();
  await acknowledge({ advance }, bob, second);
  for (const envelope of [first, second, third])
    bus.publish(bob.session.mailbox, encodeRing({ kind: 'envelopes', envelopes: [envelope] }));
  await settle();
  await alice.session.handle('submit', messageTo(bob.device));
  await settle();
  expect(ends(bob)).toEqual([]);
  expect(received(bob).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test('a doubt that the store cannot answer waits until it can; meanwhile nothing is sent', async () => {
  let isAway = false;
  const { store, bob, submit, advance, errors } = await afterFailover({
    changes: (inner) => ({
      mailbox: (app, mailbox) =>
        isAway ? Promise.reject(new StoreError('unavailable', new Error('away'))) : inner.mailbox(app, mailbox),
    }),
  });
  isAway = true;
  await submit([1, 2, 3, 4, 5].map(() => random(16)));
  expect(received(bob)).toHaveLength(5);
  expect(ends(bob)).toEqual([]);
  expect(errors).toHaveLength(1);
  isAway = false;
  advance(3_000);
  await settle();
  expect(ends(bob)).toEqual(['ack-refused']);
  expect((await store.mailbox(bob.device.app, bob.session.mailbox))?.head).toBe(7);
});

function fail(): never {
  throw new Error('There is one.');
}
