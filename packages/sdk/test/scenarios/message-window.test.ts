import fc from 'fast-check';
import { expect, test, vi } from 'vitest';

import type { Front } from '../../src/conversations/front.js';
import { MessageWindow, WINDOW_MAX, WINDOW_PAGE } from '../../src/conversations/message-window.js';
import { HISTORY_SCHEMA, type History, type HistoryRows } from '../../src/history/schema.js';
import { FootprintRecorder, recordingWrites, type Footprint } from '../../src/storage/changes.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import type { ReadTransaction } from '../../src/storage/tables.js';
import { systemClock } from '../../src/util/clock.js';
import { systemRandom } from '../../src/util/random.js';
import type { Message } from '../../src/index.js';
import { aciOfName } from '../support/fake-relay.js';
import { messageRow } from '../support/message-row.js';
import { until } from '../support/person.js';
import { tabFront } from '../support/tab.js';

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
  user: aciOfName('alice'),
  userName: 'alice',
  clock: systemClock,
  random: systemRandom,
  preKeyStock: 1,
};

/** The machine may be busy with other things: the limit only ends what never comes. */
const PATIENCE = { timeout: 20_000, interval: 5 };

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
        expect(from).toBeGreaterThanOrEqual(0);
        expect(seen).toEqual(all.slice(from, from + seen.length));
        expect({ earlier, later }).toEqual({ earlier: from > 0, later: from + seen.length < all.length });
      }, PATIENCE);
      end();
    }),
    { numRuns: 100 },
  );
});

test('who jumps while a page is on its way stands where they jumped to', async () => {
  const history: History = memoryTables(HISTORY_SCHEMA);
  await history.write(['messages'], async (transaction) => {
    for (let n = 1; n <= 400; n++) await transaction.put('messages', messageRow('c', n));
  });
  const shown = new MessageWindow(tabFront({ ...tab, history }), 'c', (row) => ({ at: row.at }) as Message);
  const numbers = (): number[] => shown.messages.get().map(({ at }) => at);
  const end = shown.messages.subscribe(() => undefined);
  await until(shown.messages, (list) => list.length === WINDOW_PAGE);
  await Promise.all([shown.jumpTo({ to: 'time', at: 100 }), shown.loadEarlier(10)]);
  // The database does one thing after another: what the steps have asked of it is done by then.
  await history.read(['messages'], (transaction) => transaction.count('messages'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(numbers()).toContain(100);
  end();
});

test('a full window in the past that loses a message while one behind it changes has no hole', async () => {
  const history: History = memoryTables(HISTORY_SCHEMA);
  await history.write(['messages'], async (transaction) => {
    for (let n = 2; n <= 2 * WINDOW_MAX + 200; n += 2) await transaction.put('messages', messageRow('c', n));
  });
  const shown = new MessageWindow(tabFront({ ...tab, history }), 'c', (row) => ({ at: row.at }) as Message);
  const numbers = (): number[] => shown.messages.get().map(({ at }) => at);
  const end = shown.messages.subscribe(() => undefined);
  await until(shown.messages, (list) => list.length === WINDOW_PAGE);
  while (await shown.loadEarlier(WINDOW_MAX));
  await until(shown.messages, (list) => list[0]?.at === 2 && list.length === WINDOW_MAX);
  // Three come late, and push three out of it.
  for (const n of [11, 13, 15])
    await history.write(['messages'], (transaction) => transaction.put('messages', messageRow('c', n)));
  await until(shown.messages, (list) => list.at(-1)?.at === 2 * WINDOW_MAX - 6);
  await history.write(['messages'], async (transaction) => {
    const { conversation, user, id, device } = messageRow('c', 20);
    await transaction.delete('messages', [conversation, user, id, device]);
    await transaction.put('messages', messageRow('c', 2 * WINDOW_MAX));
  });
  await until(shown.messages, (list) => !list.some(({ at }) => at === 20));
  expect(numbers().slice(-3)).toEqual([2 * WINDOW_MAX - 8, 2 * WINDOW_MAX - 6, 2 * WINDOW_MAX - 4]);
  end();
});
