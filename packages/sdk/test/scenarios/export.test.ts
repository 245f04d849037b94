import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { aliceAndBob, Person } from '../support/person.js';

interface Exported {
  format: string;
  version: number;
  user: string;
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
  expect(exported).toMatchObject({ format: 'sotto-export', version: 1, user: 'alice' });
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

test('an empty history is a whole document too', async () => {
  const nobody = new Person('nobody', new FakeRelay());
  expect((await parse(nobody)).conversations).toEqual([]);
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
