import type { Aci } from '@sotto/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { ConversationList, LIST_PAGE, LIST_TABLES } from '../../src/conversations/conversation-list.js';
import { WINDOW_MAX, WINDOW_PAGE } from '../../src/conversations/message-window.js';
import { directConversationId } from '../../src/content/content.js';
import { HISTORY_SCHEMA, type ConversationRow, type History, type MessageRow } from '../../src/history/schema.js';
import { FootprintRecorder } from '../../src/storage/changes.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import type { ConversationSummary } from '../../src/index.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { messageRow } from '../support/message-row.js';
import { Person, until } from '../support/person.js';

const [ALICE, BOB] = [aciOfName('alice'), aciOfName('bob')];
const WITH_BOB = directConversationId(ALICE, BOB);

const conversationRow = (id: string, activity: number): ConversationRow => ({
  id,
  peer: id,
  peerAci: aciOfName(id),
  answered: 1,
  profileAt: 0,
  activity,
});

/** Alice with 2,000 messages of Bob's, numbered from 1; the last 100 are unread. */
async function aliceWithHistory(count = 2_000) {
  const alice = new Person('alice', new FakeRelay());
  await alice.history.write(['conversations', 'messages'], async (transaction) => {
    await transaction.put('conversations', { ...conversationRow(WITH_BOB, count), peer: 'bob', peerAci: BOB });
    for (let n = 1; n <= count; n++)
      await transaction.put('messages', messageRow(WITH_BOB, n, { unread: n > count - 100 ? 1 : 0 }));
  });
  const bob = alice.client.direct('bob');
  const numbers = (): number[] => bob.messages.get().map(({ at }) => at);
  const spans = (from: number, to: number): Promise<unknown> =>
    until(bob.messages, (list) => list[0]?.at === from && list.at(-1)?.at === to && list.length === to - from + 1);
  // Somebody looks.
  const stop = bob.messages.subscribe(() => undefined);
  return { alice, bob, numbers, spans, stop };
}

test('a conversation of 2,000 messages opens with its newest, and goes back to its first within a bounded window', async () => {
  const { bob, spans, numbers } = await aliceWithHistory();
  await spans(2_001 - WINDOW_PAGE, 2_000);
  expect(bob.edges.get()).toEqual({ earlier: true, later: false });
  let largest = 0;
  for (let first = 2_001 - WINDOW_PAGE; await bob.loadEarlier(200);) {
    first = Math.max(1, first - 200);
    await until(bob.messages, (list) => list[0]?.at === first);
    largest = Math.max(largest, numbers().length);
  }
  expect(largest).toBe(WINDOW_MAX);
  await spans(1, WINDOW_MAX);
  expect(bob.edges.get()).toEqual({ earlier: false, later: true });
  // And forward again, to where new messages come.
  for (let last = WINDOW_MAX; await bob.loadLater(200);) {
    last = Math.min(2_000, last + 200);
    await until(bob.messages, (list) => list.at(-1)?.at === last);
    expect(numbers().length).toBe(WINDOW_MAX);
  }
  await spans(2_001 - WINDOW_MAX, 2_000);
  expect(bob.edges.get()).toEqual({ earlier: true, later: false });
});

test('a window in the past stays where it is when a message comes; one at the end follows', async () => {
  const { alice, bob, spans, numbers } = await aliceWithHistory();
  await spans(2_001 - WINDOW_PAGE, 2_000);
  const arrive = (n: number): Promise<void> =>
    alice.history.write(['messages'], (transaction) => transaction.put('messages', messageRow(WITH_BOB, n)));
  await arrive(2_001);
  await spans(2_002 - WINDOW_PAGE, 2_001);
  expect(await bob.jumpTo({ to: 'time', at: 1_000 })).toContain('m001000');
  await spans(1_000 - WINDOW_PAGE, 1_000 + WINDOW_PAGE);
  const before = numbers();
  await arrive(2_002);
  await alice.history.write(['messages'], (transaction) =>
    transaction.put('messages', messageRow(WITH_BOB, 1_000, { failure: null })),
  );
  expect(numbers()).toEqual(before);
  await bob.jumpTo({ to: 'newest' });
  await spans(2_002 - WINDOW_PAGE, 2_002);
  expect(bob.edges.get()).toEqual({ earlier: true, later: false });
});

test('jumps: to a message, a time, the first unread one; to what does not exist nothing moves', async () => {
  const { bob, spans } = await aliceWithHistory();
  const key = await bob.jumpTo({ to: 'first-unread' });
  expect(key).toContain('m001901');
  await spans(1_901 - WINDOW_PAGE, 1_901 + WINDOW_PAGE);
  expect(await bob.jumpTo({ to: 'time', at: 5 })).toContain('m000005');
  await spans(1, 5 + WINDOW_PAGE);
  expect(bob.edges.get()).toEqual({ earlier: false, later: true });
  expect(await bob.jumpTo({ to: 'message', id: key ?? '' })).toBe(key);
  await spans(1_901 - WINDOW_PAGE, 1_901 + WINDOW_PAGE);
  expect(await bob.jumpTo({ to: 'message', id: 'no/such/1' })).toBeNull();
  expect(await bob.jumpTo({ to: 'message', id: 'nonsense' })).toBeNull();
  expect(await bob.jumpTo({ to: 'time', at: 10_000 })).toContain('m002000');
  await spans(2_000 - WINDOW_PAGE, 2_000);
  const nobody = new Person('carol', new FakeRelay()).client.direct('dave');
  expect(await nobody.jumpTo({ to: 'newest' })).toBeNull();
  expect(await nobody.loadEarlier()).toBe(false);
  expect(await nobody.loadLater()).toBe(false);
});

test('the list of conversations grows by pages', async () => {
  const alice = new Person('alice', new FakeRelay());
  await alice.history.write(['conversations'], async (transaction) => {
    for (let n = 1; n <= 120; n++) await transaction.put('conversations', conversationRow(`c${n}`, n));
  });
  const { client } = alice;
  const listed = (count: number): Promise<unknown> => until(client.conversations, ({ length }) => length === count);
  client.conversations.subscribe(() => undefined);
  await listed(LIST_PAGE);
  expect(client.conversations.get()[0]?.user).toBe('c120');
  expect(await client.loadMoreConversations()).toBe(true);
  await listed(100);
  expect(await client.loadMoreConversations()).toBe(true);
  await listed(120);
  expect(await client.loadMoreConversations()).toBe(false);
});

test('a list that follows changes is always the list that a fresh look shows', async () => {
  const step = fc.record({
    conversation: fc.integer({ min: 0, max: 7 }),
    hlc: fc.integer({ min: 1, max: 40 }),
    unread: fc.constantFrom(0 as const, 1 as const),
    gone: fc.boolean(),
    name: fc.option(fc.string({ maxLength: 2 })),
    extend: fc.boolean(),
  });
  const show = (row: MessageRow): ConversationSummary['last'] => ({ id: row.id }) as ConversationSummary['last'];
  const idOf = (user: Aci): string => ids.get(user) ?? '';
  const ids = new Map(Array.from({ length: 8 }, (_, i) => [conversationRow(`c${i}`, 1).peerAci, `c${i}`]));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const history: History = memoryTables(HISTORY_SCHEMA);
      const followed = new ConversationList(show, idOf, 3);
      let extended = 3;
      let first = true;
      for (const { conversation, hlc, unread, gone, name, extend } of steps) {
        const id = `c${conversation}`;
        const changes = new FootprintRecorder();
        changes.add(gone ? 'conversations' : 'messages', id);
        const { peerAci } = conversationRow(id, hlc);
        if (name !== null) changes.add('profiles', peerAci);
        await history.write(LIST_TABLES, async (transaction) => {
          if (name !== null) await transaction.put('profiles', { user: peerAci, name, at: 1 });
          if (gone) return transaction.delete('conversations', [id]);
          await transaction.put('messages', messageRow(id, hlc, { unread }));
          await transaction.put('conversations', conversationRow(id, hlc));
        });
        if (extend) {
          followed.extend(1);
          extended++;
          first = true;
        }
        const seen = await history.read(LIST_TABLES, (transaction) =>
          followed.read(transaction, first ? null : changes.footprint),
        );
        first = false;
        const anew = new ConversationList(show, idOf, extended);
        expect(seen).toEqual(await history.read(LIST_TABLES, (transaction) => anew.read(transaction, null)));
        expect(followed.hasMore).toBe(anew.hasMore);
      }
    }),
    { numRuns: 200 },
  );
});

test('a step reads what is new, and what was shown stays the same', async () => {
  const { bob, spans } = await aliceWithHistory();
  await spans(2_001 - WINDOW_PAGE, 2_000);
  const before = bob.messages.get();
  await bob.loadEarlier(10);
  await spans(2_001 - WINDOW_PAGE - 10, 2_000);
  expect(bob.messages.get().slice(10)).toEqual(before);
  for (const [index, message] of before.entries()) expect(bob.messages.get()[index + 10]).toBe(message);
});
