import type { AppId, DeviceId, RegistrationId } from '@sotto/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { aciOf } from '../../src/auth/user.js';
import { mailboxId, type DeviceAddress } from '../../src/mailbox/mailbox-id.js';
import { random, someKey } from '../support/device.js';

import { memoryStore } from '../../src/store/memory/memory-store.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { activityContract } from './activity-contract.js';
import { storeContract } from './store-contract.js';

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
}, 60_000);

afterAll(() => postgres.remove());

const onPostgres = async () =>
  openSqlStore(openPostgres(await postgres.newDatabase(), { connections: 8, onError: () => undefined }));

for (const contract of [storeContract, activityContract]) {
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

function fail(): never {
  throw new Error('there are three mailboxes');
}
