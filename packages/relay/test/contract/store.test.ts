import type { AppId, DeviceId, RegistrationId } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { aciOf } from '../../src/auth/user.js';
import { mailboxId, type DeviceAddress, type MailboxId } from '../../src/mailbox/mailbox-id.js';
import { random, someKey } from '../support/device.js';

import { memoryStore } from '../../src/store/memory/memory-store.js';
import type { Sql } from '../../src/store/sql/driver.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import type { Store } from '../../src/store/store.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { activityContract } from './activity-contract.js';
import { storeContract } from './store-contract.js';
import { threeAppsContract } from './three-apps-contract.js';

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
}, 60_000);

afterAll(() => postgres.remove());

const onPostgres = async () =>
  openSqlStore(openPostgres(await postgres.newDatabase(), { connections: 8, onError: () => undefined }));

for (const contract of [storeContract, activityContract, threeAppsContract]) {
  contract('memory', () => Promise.resolve(memoryStore()));
  contract('PGlite', async () => openSqlStore(await openPglite()));
  contract('PostgreSQL', onPostgres);
}

test('six writers on two nodes, every batch to both at once: gapless for a reader, each envelope once', async () => {
  const url = await postgres.newDatabase();
  const open = () => openSqlStore(openPostgres(url, { connections: 8, onError: () => undefined }));
  const [north, south] = await Promise.all([open(), open()]);
  const app = 'acme' as AppId;
  const boxes = await Promise.all(['alice', 'bob', 'carol'].map((name) => newMailbox(name)));
  const stored = new Map<string, number>();
  let writing = true;

  async function newMailbox(name: string) {
    const address: DeviceAddress = { user: aciOf(app, name), device: 1 as DeviceId, registration: 1 as RegistrationId };
    const mailbox = mailboxId(app, address);
    const keys = {
      secretHash: random(32),
      attemptHash: random(32),
      createdAt: 0,
      seenDay: 0,
      warnedDay: null,
      removedAt: null,
      listed: false,
    };
    const change = { add: { ...address, ...keys, mailbox }, identityKey: someKey(), listed: [mailbox] };
    await north.updateUser(app, address.user, () => ({ change, result: undefined }));
    return { mailbox, address };
  }

  async function write(index: number): Promise<void> {
    const sender = { ...(boxes[0]?.address ?? fail()), device: (index + 2) as DeviceId };
    for (let round = 0; round < 20; round++) {
      const items = [0, 1, 2, 3, 4, 5].map((submit) => ({
        submit,
        payload: submit,
        digest: random(16),
        mailbox: (boxes[(submit + index) % 3] ?? fail()).mailbox,
      }));
      const batch = {
        now: 1,
        quota: { envelopes: 1e6, bytes: 1e9 },
        sealings: [],
        items,
        submits: items.map(() => ({ sender, id: random(16), lists: [] })),
        payloads: items.map(() => random(20)),
      };
      const results = await Promise.all([north, south].map((store) => store.submit(app, batch)));
      items.forEach(({ digest }, at) => {
        const count = results.filter((outcomes) => outcomes[at]?.outcome === 'stored').length;
        stored.set(Buffer.from(digest).toString('hex'), count);
      });
    }
  }

  /** Asks for `seq > last` all the time, as a delivering node does: a gap would be skipped for ever. */
  async function read(mailbox: (typeof boxes)[number]['mailbox']): Promise<number[]> {
    const seen: number[] = [];
    for (let wasWriting = true; wasWriting;) {
      wasWriting = writing;
      const page = await south.read(app, mailbox, seen.at(-1) ?? 0, { envelopes: 50, bytes: 1e6 });
      seen.push(...(page?.envelopes ?? []).map(({ seq }) => seq));
      if (page && page.head > (seen.at(-1) ?? 0)) wasWriting = true;
    }
    return seen;
  }

  const readers = boxes.map(({ mailbox }) => read(mailbox));
  await Promise.all([0, 1, 2, 3, 4, 5].map(write));
  writing = false;
  for (const seen of await Promise.all(readers)) {
    expect(seen).toEqual(Array.from({ length: 240 }, (_, index) => index + 1));
  }
  expect(new Set(stored.values())).toEqual(new Set([1]));
  await Promise.all([north.close(), south.close()]);
});

describe.each(['PGlite', 'PostgreSQL'])('shared payloads on %s', (name) => {
  const app = 'acme' as AppId;
  const policy = { now: 1_000_000, retentionMs: 1_000_000, dedupeMs: 1_000_000 };
  let sql: Sql;
  let store: Store;
  let count = 0;

  beforeAll(async () => {
    const url = name === 'PGlite' ? null : await postgres.newDatabase();
    sql = url === null ? await openPglite() : openPostgres(url, { connections: 8, onError: () => undefined });
    store = await openSqlStore(sql);
    return () => store.close();
  });

  async function newDevices(amount: number) {
    const devices = [];
    for (let index = 0; index < amount; index++) {
      const user = aciOf(app, `shared-${++count}`);
      const address: DeviceAddress = { user, device: 1 as DeviceId, registration: 1 as RegistrationId };
      const mailbox = mailboxId(app, address);
      const keys = {
        secretHash: random(32),
        attemptHash: random(32),
        createdAt: 0,
        seenDay: 0,
        warnedDay: null,
        removedAt: null,
        listed: false,
      };
      const change = { add: { ...address, ...keys, mailbox }, identityKey: someKey(), listed: [mailbox] };
      await store.updateUser(app, user, () => ({ change, result: undefined }));
      devices.push({ mailbox, address });
    }
    return devices;
  }

  /** One ciphertext for all, and after it one for each alone. */
  async function submit(devices: Awaited<ReturnType<typeof newDevices>>, digests?: Uint8Array[]) {
    const sender = { ...(devices[0]?.address ?? fail()), device: 9 as DeviceId };
    const payloads = [random(3_000), ...devices.map(() => random(100))];
    const items = devices.flatMap(({ mailbox }, index) => [
      { submit: 0, payload: 0, mailbox, digest: digests?.[index] ?? random(16) },
      { submit: 1, payload: index + 1, mailbox, digest: random(16) },
    ]);
    const submits = [random(16), random(16)].map((id) => ({ sender, id, lists: [] }));
    const quota = { envelopes: 100_000, bytes: 1e9 };
    const outcomes = await store.submit(app, { now: 500_000, quota, sealings: [], submits, payloads, items });
    return { payloads, outcomes, ids: submits.map(({ id }) => id) };
  }

  const rows = async () => {
    const [row] = await sql.query<{ payloads: number; inline: number; bytes: number }>(
      `SELECT (SELECT count(*) FROM payloads)::int AS payloads,
         (SELECT count(*) FROM envelopes WHERE payload IS NOT NULL)::int AS inline,
         (SELECT coalesce(sum(held_bytes), 0) FROM mailboxes)::int AS bytes`,
    );
    return row;
  };
  const read = async (mailbox: MailboxId) =>
    (await store.read(app, mailbox, 0, { envelopes: 100, bytes: 1e9 }))?.envelopes.map(({ payload }) =>
      Buffer.from(payload).toString('hex'),
    );

  test('are stored once, count in full for each, and go with the last envelope', async () => {
    const [alice, bob, carol] = await newDevices(3);
    if (!alice || !bob || !carol) fail();
    const digests = [random(16), random(16), random(16)];
    const { payloads, ids } = await submit([alice, bob, carol], digests);
    expect(await rows()).toEqual({ payloads: 1, inline: 3, bytes: 9_300 });
    const hex = payloads.map((payload) => Buffer.from(payload).toString('hex'));
    expect(await read(bob.mailbox)).toEqual([hex[0], hex[2]]);

    const id = ids[1] ?? fail();
    expect(await store.ack(app, [{ mailbox: alice.mailbox, seq: 2, id }])).toEqual([true]);
    const remove = { mailboxes: [bob.mailbox], at: 1 };
    await store.updateUser(app, bob.address.user, () => ({ change: { remove }, result: undefined }));
    await store.sweep(policy);
    expect(await rows()).toEqual({ payloads: 1, inline: 1, bytes: 3_100 });
    expect(await read(carol.mailbox)).toEqual([hex[0], hex[3]]);
    await store.sweep({ ...policy, now: 2_000_000 });
    expect(await rows()).toEqual({ payloads: 0, inline: 0, bytes: 0 });
  });

  test('of a retry that stores nothing are not stored either', async () => {
    const devices = await newDevices(2);
    const digests = [random(16), random(16)];
    await submit(devices, digests);
    const { outcomes } = await submit(devices, digests);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['duplicate', 'stored', 'duplicate', 'stored']);
    expect((await rows())?.payloads).toBe(1);
    await store.sweep({ ...policy, now: 2_000_000 });
    expect((await rows())?.payloads).toBe(0);
  });

  test('are never missing while others store, acknowledge and sweep', async () => {
    const devices = await newDevices(4);
    const state = { writing: true };
    const sweeping = (async () => {
      while (state.writing) await store.sweep(policy);
    })();
    const write = async () => {
      for (let round = 0; round < 15; round++) await submit(devices);
    };
    const drain = async ({ mailbox }: (typeof devices)[number]) => {
      for (let acked = 0; acked < 60;) {
        const page = await store.read(app, mailbox, acked, { envelopes: 7, bytes: 1e9 });
        for (const { payload } of page?.envelopes ?? []) expect([100, 3_000]).toContain(payload.length);
        const last = page?.envelopes.at(-1);
        if (!last) continue;
        await store.ack(app, [{ mailbox, seq: last.seq, id: last.id }]);
        acked = last.seq;
      }
    };
    await Promise.all([write(), write(), ...devices.map(drain)]);
    state.writing = false;
    await sweeping;
    await store.sweep(policy);
    expect(await rows()).toEqual({ payloads: 0, inline: 0, bytes: 0 });
  }, 60_000);
});

function fail(): never {
  throw new Error('what this test made is there');
}
