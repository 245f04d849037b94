import type { NoticeCode } from '@sotto/sdk';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { Person, Tab } from '../support/person.js';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded');
}, 120_000);
afterEach(() => world.clear());
afterAll(() => world.end());

/** What a failing disk has made of the rows of one table. */
interface Damage {
  readonly table: string;
  /** Of `meta`, which has one row of each name. */
  readonly name?: string;
  /** Fields, and what stands there instead; `noise` is bytes without a meaning. */
  readonly fields: Record<string, 'noise' | 'a word' | undefined>;
}

/** Runs in the page. @returns how many rows were damaged */
async function damageRows({ table, name, fields }: Damage): Promise<number> {
  const done = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error('no reason given'));
    });
  const vault = (await indexedDB.databases()).find((database) => database.name?.endsWith('-vault'));
  if (vault?.name === undefined) throw new Error('there is no vault');
  const database = await done(indexedDB.open(vault.name));
  const transaction = database.transaction(table, 'readwrite', { durability: 'strict' });
  const committed = new Promise((resolve) => (transaction.oncomplete = resolve));
  const rows = (await done<unknown[]>(transaction.objectStore(table).getAll())) as Record<string, unknown>[];
  const hit = rows.filter((row) => name === undefined || row['name'] === name);
  for (const row of hit) {
    for (const [field, broken] of Object.entries(fields))
      row[field] = broken === 'noise' ? Uint8Array.from({ length: 40 }, (_, i) => (i * 37) % 251) : broken;
    transaction.objectStore(table).put(row);
  }
  await committed;
  database.close();
  return hit.length;
}

/** Bob’s tab is closed, and his vault damaged; `meanwhile` is what happens before he opens the app again. */
async function damagedBetween(
  bob: Person,
  his: Tab,
  damages: readonly Damage[],
  meanwhile: () => Promise<void>,
): Promise<Tab> {
  // The same origin, without the app.
  const beside = await his.page.context().newPage();
  await beside.goto(`${world.site.origin}/page.css`);
  await his.close();
  await meanwhile();
  for (const damage of damages) expect(await beside.evaluate(damageRows, damage)).toBeGreaterThan(0);
  await beside.close();
  return bob.open();
}

/** Resolves when the person is shown this notice. */
const isTold = ({ page }: Tab, code: NoticeCode): Promise<void> =>
  page.evaluate(
    (code) =>
      new Promise((resolve) => {
        window.probe?.client.notices.subscribe((list) => {
          if (list.some((notice) => notice.code === code)) resolve();
        });
      }),
    code,
  );

const SESSIONS: Damage = { table: 'sessions', fields: { current: 'noise' } };
const PRE_KEYS: Damage = { table: 'preKeys', fields: { privateKey: 'noise' } };
const CURSOR: Damage = { table: 'meta', name: 'cursor', fields: { seq: 'a word' } };
const IDENTITY: Damage = {
  table: 'meta',
  name: 'identity',
  fields: { identityKeyPair: 'noise', signingKeyPair: undefined },
};

test.each([
  ['sessions are', [SESSIONS]],
  ['prekeys are', [PRE_KEYS]],
  ['cursor is', [CURSOR]],
  ['cursor, sessions and prekeys are', [CURSOR, SESSIONS, PRE_KEYS]],
])(
  'Bob’s %s damaged on the disk: he comes online, and what he missed arrives',
  async (_, damages) => {
    const { alice, bob, her, his } = await world.acquainted();
    await her.reaches('delivered');
    const again = await damagedBetween(bob, his, damages, async () => {
      await her.send('while he was away');
      await her.reaches('sent');
    });
    await again.isIn('online');
    await again.shows('hello', 'while he was away');
    await again.send('still here');
    await her.shows('hello', 'while he was away', 'still here');
    await her.send('good');
    await again.shows('hello', 'while he was away', 'still here', 'good');
    if (damages.includes(CURSOR)) await isTold(again, 'restored-device');
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  },
  120_000,
);

test('Bob’s prekeys are damaged before anybody has written to him: the first message arrives all the same', async () => {
  const { alice, bob, her, his } = await world.aliceAndBob();
  const again = await damagedBetween(bob, his, [PRE_KEYS], async () => {
    await her.send('hello');
    await her.reaches('sent');
  });
  await again.isIn('online');
  await again.shows('hello');
  await again.send('hi');
  await her.shows('hello', 'hi');
  expect([...alice.errors, ...bob.errors]).toEqual([]);
}, 120_000);

test('Bob’s identity is damaged: he is told that his keys are lost, reads what he has, and stays who he is', async () => {
  const { alice, bob, her, his } = await world.acquainted();
  await her.reaches('delivered');
  const again = await damagedBetween(bob, his, [IDENTITY], async () => {
    await her.send('while he was away');
    await her.reaches('sent');
  });
  await again.isIn('storage-failed', 'keys-lost');
  await again.shows('hello');
  // Her app knows of no other Bob.
  await her.send('are you there?');
  await her.shows('hello', 'while he was away', 'are you there?');
  await her.reaches('sent');
  expect([...alice.errors, ...bob.errors]).toEqual([]);
}, 120_000);
