import type { Aci } from '@sotto/protocol';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';

import { ConversationList, LIST_PAGE, LIST_TABLES } from '../../src/conversations/conversation-list.js';
import type { Front } from '../../src/conversations/front.js';
import { MessageWindow, WINDOW_MAX, WINDOW_PAGE } from '../../src/conversations/message-window.js';
import { directConversationId } from '../../src/content/content.js';
import {
  HISTORY_SCHEMA,
  type ConversationRow,
  type History,
  type HistoryRows,
  type MessageRow,
} from '../../src/history/schema.js';
import { systemClock } from '../../src/util/clock.js';
import { systemRandom } from '../../src/util/random.js';
import { FootprintRecorder, recordingWrites, type Footprint } from '../../src/storage/changes.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import type { ReadTransaction } from '../../src/storage/tables.js';
import type { ConversationSummary, Message } from '../../src/index.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { Person, until } from '../support/person.js';
import { tabFront } from '../support/tab.js';

const [ALICE, BOB] = [aciOfName('alice'), aciOfName('bob')];
const WITH_BOB = directConversationId(ALICE, BOB);

function messageRow(conversation: string, n: number, more: Partial<MessageRow> = {}): MessageRow {
  return {
    conversation,
    user: BOB,
    id: `m${String(n).padStart(6, '0')}`,
    device: 1,
    hlc: n,
    at: n,
    unread: 0,
    status: null,
    failure: null,
    body: { kind: 'content', type: 'text', data: { text: `text ${n}` }, fallback: null, raw: null },
    notes: {},
    ...more,
  };
}

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

test('a window that follows changes is always the window that a fresh look shows', async () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: WINDOW_PAGE + 6 }),
    hlc: fc.integer({ min: 1, max: 40 }),
    gone: fc.boolean(),
    elsewhere: fc.boolean(),
  });
  type Look = (transaction: ReadTransaction<Pick<HistoryRows, 'messages'>>, changes: Footprint | null) => unknown;
  /** A window, and its query as the database would run it. */
  const windowOn = (id: string): { window: MessageWindow; look: Look } => {
    let look: Look = () => undefined;
    const live = (_: unknown, __: unknown, query: Look): void => void (look = query);
    const window = new MessageWindow({ live } as unknown as Front, id, (row) => ({ ...row }) as unknown as Message);
    return { window, look: (transaction, changes) => look(transaction, changes) };
  };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const history: History = memoryTables(HISTORY_SCHEMA);
      await history.write(['messages'], async (transaction) => {
        for (let n = 0; n < WINDOW_PAGE; n++)
          await transaction.put('messages', { ...messageRow('c', 10 + (n % 20)), id: `m${n}` });
      });
      const followed = windowOn('c');
      await history.read(['messages'], async (transaction) => followed.look(transaction, null));
      for (const { id, hlc, gone, elsewhere } of steps) {
        const written = new FootprintRecorder();
        await history.write(['messages'], async (plain) => {
          const transaction = recordingWrites(plain, HISTORY_SCHEMA, written);
          const row = { ...messageRow(elsewhere ? 'd' : 'c', hlc), id: `m${id}` };
          if (gone) await transaction.delete('messages', [row.conversation, row.user, row.id, row.device]);
          else await transaction.put('messages', row);
        });
        const anew = windowOn('c');
        const [seen, fresh] = await history.read(['messages'], async (transaction) => [
          await followed.look(transaction, written.footprint),
          await anew.look(transaction, null),
        ]);
        expect(seen).toEqual(fresh);
        expect(followed.window.edges.get()).toEqual(anew.window.edges.get());
      }
    }),
    { numRuns: 200 },
  );
});

const tab = {
  app: 'test' as Front['app'],
  user: ALICE,
  userName: 'alice',
  clock: systemClock,
  random: systemRandom,
  preKeyStock: 1,
};

/** What is read was long ago when it comes; who observes is told at once. */
function answeringLate(history: History): History {
  const read: History['read'] = async (tables, work) => {
    const value = await history.read(tables, work);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    return value;
  };
  return { ...history, read };
}

test('whatever is written while somebody moves about, the window is an unbroken stretch, and knows where it ends', async () => {
  const move = fc.record({
    move: fc.constantFrom('earlier', 'later', 'time', 'newest', 'write', 'remove', 'listen', 'pass', 'rest'),
    at: fc.integer({ min: 1, max: 1_400 }),
    count: fc.integer({ min: 1, max: 300 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 25 }), async (moves) => {
      const history: History = memoryTables(HISTORY_SCHEMA);
      const write = (n: number): Promise<void> =>
        history.write(['messages'], (transaction) => transaction.put('messages', messageRow('c', n)));
      await history.write(['messages'], async (transaction) => {
        for (let n = 1; n <= 1_400; n += 2) await transaction.put('messages', messageRow('c', n));
      });
      const shown = new MessageWindow(
        tabFront({ ...tab, history: answeringLate(history) }),
        'c',
        (row) => ({ at: row.at }) as Message,
      );
      let end = shown.messages.subscribe(() => undefined);
      const done: Promise<unknown>[] = [];
      for (const { move, at, count } of moves) {
        if (move === 'earlier') done.push(shown.loadEarlier(count));
        else if (move === 'later') done.push(shown.loadLater(count));
        else if (move === 'time') done.push(shown.jumpTo({ to: 'time', at }));
        else if (move === 'newest') done.push(shown.jumpTo({ to: 'newest' }));
        else if (move === 'write') done.push(write(at));
        else if (move === 'remove')
          done.push(
            history.write(['messages'], (transaction) => {
              const { conversation, user, id, device } = messageRow('c', at);
              return transaction.delete('messages', [conversation, user, id, device]);
            }),
          );
        else if (move === 'listen') {
          end();
          end = shown.messages.subscribe(() => undefined);
        } else if (move === 'pass') await new Promise((resolve) => setImmediate(resolve));
        else await Promise.all(done.splice(0));
      }
      await Promise.all(done);
      // A last word, which the window must have heard when it stands there, or knows that there is more.
      await write(1_500);
      await vi.waitFor(async () => {
        const all = (await history.read(['messages'], (transaction) => transaction.range('messages'))).map(
          ({ at }) => at,
        );
        const seen = shown.messages.get().map(({ at }) => at);
        const { earlier, later } = shown.edges.get();
        const from = all.indexOf(seen[0] ?? 0);
        expect(seen).toEqual(all.slice(from, from + seen.length));
        expect({ earlier, later }).toEqual({ earlier: from > 0, later: from + seen.length < all.length });
      });
      end();
    }),
    { numRuns: 100 },
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
