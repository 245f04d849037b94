import { expect, test } from 'vitest';

import { NOTICES } from '../../src/history/notice.js';
import { HISTORY_SCHEMA } from '../../src/history/schema.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import { VAULT_SCHEMA } from '../../src/vault/schema.js';
import { Work } from '../support/counting-tables.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { messageRow } from '../support/message-row.js';
import { aliceAndBob, aliceAndBobTalking, Person, until } from '../support/person.js';

interface Exported {
  format: string;
  version: number;
  user: string;
  devices: { id: string; name: string | null; current: boolean; createdAt: string | null }[];
  contacts: {
    aci: string;
    user: string | null;
    name: string | null;
    identityKey: string | null;
    verified: boolean;
    markedAt: string | null;
  }[];
  conversations: { user: string; messages: { text: string; from: string; position: number; content?: string }[] }[];
}

const parse = async (person: Person) => (await new Response(person.client.export()).json()) as Exported;

test('an export holds every message in order, with what came from others byte for byte, and no key', async () => {
  const { alice, bob } = await aliceAndBob();
  await alice.say(bob, 'hello "Bob"\n');
  await bob.texts(alice, 1);
  await bob.say(alice, 'hi');
  await alice.texts(bob, 2);
  const exported = await parse(alice);
  expect(exported).toMatchObject({ format: 'sotto-export', version: 2, user: 'alice' });
  expect(exported.conversations).toHaveLength(1);
  const [conversation] = exported.conversations;
  expect(conversation?.messages.map(({ from, text }) => [from, text])).toEqual([
    ['alice', 'hello "Bob"\n'],
    ['bob', 'hi'],
  ]);
  expect(JSON.parse(conversation?.messages[1]?.content ?? '')).toMatchObject({ kind: 'text', from: { user: 'bob' } });
  const identity = await alice.vault.read(['meta'], (transaction) => transaction.get('meta', ['identity']));
  if (identity?.name !== 'identity') throw new Error('not registered');
  const text = JSON.stringify(exported);
  for (const encoding of ['base64', 'base64url', 'hex'] as const)
    expect(text).not.toContain(Buffer.from(identity.identityKeyPair.privateKey).toString(encoding).slice(0, 40));
});

test('an export holds what this device knows of itself, its user and their contacts', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  await alice.client.setProfile({ name: 'Alice A.' });
  await bob.client.setProfile({ name: 'Bob B.' });
  await until(alice.client.conversations, ([first]) => first?.name === 'Bob B.');
  await until(alice.client.devices, ({ length }) => length === 1);
  await alice.client.renameDevice('Phone');
  const { digits } = await alice.client.direct('bob').safetyNumber();
  expect(await alice.client.direct('bob').verify(digits)).toBe(true);
  await alice.client.setPresence('invisible');
  await alice.history.write(['notices'], (transaction) => transaction.put('notices', { code: 'expired', at: 0 }));
  // Somebody of whom only the name is known: another device has passed it on.
  const carol = aciOfName('carol');
  await alice.history.write(['profiles'], (transaction) =>
    transaction.put('profiles', { user: carol, name: 'Carol C.', at: 1 }),
  );
  const keys = await alice.history.read(['identities'], (transaction) => transaction.range('identities'));
  const keyOf = (name: string): string =>
    Buffer.from(keys.find(({ user }) => user === aciOfName(name))?.identityKey ?? []).toString('base64url');
  const exported = await parse(alice);
  expect(exported).toMatchObject({
    name: 'Alice A.',
    identityKey: keyOf('alice'),
    presence: 'invisible',
    notices: [{ code: 'expired', at: '1970-01-01T00:00:00.000Z', text: NOTICES.expired }],
    devices: [{ name: 'Phone', current: true }],
    conversations: [{ user: 'bob', name: 'Bob B.' }],
  });
  expect(exported.devices.map(({ id }) => id)).toEqual(alice.client.devices.get().map(({ id }) => id));
  expect(exported.contacts).toEqual([
    {
      aci: aciOfName('bob'),
      user: 'bob',
      name: 'Bob B.',
      lastSeen: null,
      identityKey: keyOf('bob'),
      verified: true,
      markedAt: expect.stringMatching(/^20.*Z$/) as string,
      changedAt: null,
      held: false,
    },
    {
      aci: carol,
      user: null,
      name: 'Carol C.',
      lastSeen: null,
      identityKey: null,
      verified: false,
      markedAt: null,
      changedAt: null,
      held: false,
    },
  ]);
});

test('an empty history is a whole document too', async () => {
  const nobody = new Person('nobody', new FakeRelay());
  const { contacts, devices, conversations } = await parse(nobody);
  expect({ contacts, devices, conversations }).toEqual({ contacts: [], devices: [], conversations: [] });
});

/** Alice with a history of very many messages, and how much of it has been read. */
async function longHistory(): Promise<{ alice: Person; work: Work; whole: number }> {
  const work = new Work();
  const history = memoryTables(HISTORY_SCHEMA);
  const alice = new Person(
    'alice',
    new FakeRelay(),
    {},
    { history: work.on(history), vault: memoryTables(VAULT_SCHEMA) },
  );
  await alice.client.direct('bob').send('first');
  await history.write(['messages'], async (transaction) => {
    const [first] = await transaction.range('messages');
    if (!first) throw new Error('no message');
    for (let n = 0; n < MANY; n++) await transaction.put('messages', messageRow(first.conversation, n));
  });
  const whole = await work.of(() => new Response(alice.client.export()).text());
  expect(whole).toBeGreaterThan(MANY);
  return { alice, work, whole };
}

const MANY = 6_000;

/** Everything that was begun has come to its end. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
};

test('an export reads as far as it is taken, and no further', async () => {
  const { alice, work, whole } = await longHistory();
  const reader = alice.client.export().getReader();
  const begun = await work.of(async () => {
    expect((await reader.read()).done).toBe(false);
    await settled();
  });
  expect(begun).toBeLessThan(whole / 4);
  expect(await work.of(settled)).toBe(0);
  const rest = await work.of(async () => {
    while (!(await reader.read()).done);
  });
  expect(begun + rest).toBe(whole);
});

test('an export that is cancelled reads nothing more, in the middle and before it was begun', async () => {
  const { alice, work, whole } = await longHistory();
  const reader = alice.client.export().getReader();
  const begun = await work.of(async () => {
    while (new TextDecoder().decode((await reader.read()).value).indexOf('text 1') < 0);
    await reader.cancel();
    await settled();
  });
  expect(begun).toBeLessThan(whole / 2);
  expect(await work.of(settled)).toBe(0);
  await expect(reader.read()).resolves.toMatchObject({ done: true });
  const unread = alice.client.export();
  expect(
    await work.of(async () => {
      await unread.cancel();
      await settled();
    }),
  ).toBeLessThan(whole / 4);
});

test('pages join without a gap or a repeat, also where positions are equal at their edge', async () => {
  const alice = new Person('alice', new FakeRelay());
  await alice.client.direct('bob').send('first');
  await alice.history.write(['messages'], async (transaction) => {
    const [row] = await transaction.range('messages');
    if (!row) throw new Error('no message');
    for (let i = 0; i < 1_200; i++) {
      const hlc = 1_000 + Math.floor(i / 3);
      await transaction.put('messages', { ...row, hlc, id: row.id.slice(0, 20) + 'AA', device: i % 3, user: row.user });
      await transaction.put('messages', { ...row, hlc, id: String(i).padStart(22, 'x'), device: 1 });
    }
  });
  const stored = await alice.history.read(['messages'], (transaction) =>
    transaction.range('messages', { index: 'position' }),
  );
  const [conversation] = (await parse(alice)).conversations;
  expect(conversation?.messages).toHaveLength(stored.length);
  expect(conversation?.messages.map(({ position }) => position)).toEqual(stored.map(({ hlc }) => hlc));
});
