import { expect, test } from 'vitest';

import { Front } from '../../src/conversations/front.js';
import { STANDARD_KINDS } from '../../src/content/kinds.js';
import { HISTORY_SCHEMA, type CommandRow, type History } from '../../src/history/schema.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import { systemRandom } from '../../src/util/random.js';
import { localTabChannel } from '../../src/util/tab-channel.js';
import { aciOfName } from '../support/fake-relay.js';
import { atHand } from '../support/later.js';
import { aliceAndBob } from '../support/person.js';
import { TestClock } from '../support/test-clock.js';

/** A tab without an engine, and how many look at its history. */
function tab() {
  const tables: History = memoryTables(HISTORY_SCHEMA);
  const watched = { now: 0, ever: 0 };
  const observe: History['observe'] = (...query) => {
    watched.now++;
    watched.ever++;
    const observation = tables.observe(...query);
    return {
      ...observation,
      end: () => {
        watched.now--;
        observation.end();
      },
    };
  };
  const clock = new TestClock();
  const front = new Front({
    app: 'test' as Front['app'],
    user: aciOfName('alice'),
    userName: 'alice',
    clock,
    random: systemRandom,
    receipts: 'answered',
    kinds: STANDARD_KINDS,
    history: { ...tables, observe },
    channel: localTabChannel()(),
  });
  return { front, tables, watched, clock };
}

/** What an engine would do: takes the command, and answers it. */
async function answerWith(tables: History, code: 'link-invalid' | null): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const observation = tables.observe(
      ['commands'],
      (transaction) => transaction.range('commands'),
      ([row]) => {
        if (!row) return;
        observation.end();
        const answer = { id: row.id, result: Uint8Array.of(7), code };
        tables.write(['answers'], (transaction) => transaction.put('answers', answer)).then(resolve, reject);
      },
      reject,
    );
  });
}

test('an answered command leaves nothing behind: no row, and nobody who looks for one', async () => {
  const { front, tables, watched } = tab();
  for (const code of [null, 'link-invalid'] as const) {
    const asked = front.ask({ command: 'look-up', user: aciOfName('bob') });
    const settled = asked.then(
      (bytes) => [...bytes],
      (error: unknown) => error,
    );
    await answerWith(tables, code);
    if (code) expect(await settled).toMatchObject({ code });
    else expect(await settled).toEqual([7]);
    await tables.write(['commands'], async (transaction) => {
      for (const { id } of await transaction.range('commands')) await transaction.delete('commands', [id]);
    });
  }
  expect(watched).toEqual({ now: 0, ever: 2 });
  expect(await tables.read(['answers'], (transaction) => transaction.count('answers'))).toBe(0);
});

test('where no engine answers it ends, and so it does when the client is closed', async () => {
  const { front, watched, clock } = tab();
  const asked = front.ask({ command: 'reset' });
  const settled = expect(asked).rejects.toMatchObject({ code: 'timed-out' });
  while (watched.now === 0) await new Promise(setImmediate);
  clock.advance(61_000);
  await settled;
  const again = front.ask({ command: 'reset' });
  const closed = expect(again).rejects.toMatchObject({ code: 'closed' });
  while (watched.now === 0) await new Promise(setImmediate);
  front.close();
  await closed;
  expect(watched.now).toBe(0);
});

test('a command that ends in a way that nobody has foreseen says so in its own words: only a link can be invalid', async () => {
  const linking = { makeLinkBundle: unforeseen, takeLinkBundle: unforeseen };
  const { alice } = await aliceAndBob({ later: { ...atHand, linking: async () => linking } });
  const makesLink = alice.front.ask({ command: 'make-link', publicKey: Uint8Array.of(5) });
  await expect(makesLink).rejects.toMatchObject({ code: 'relay-unreachable' });
  const links = alice.front.ask({ command: 'link', box: Uint8Array.of(5) });
  await expect(links).rejects.toMatchObject({ code: 'link-invalid' });
});

function unforeseen(): never {
  throw new TypeError('unforeseen');
}

test('a file that never comes holds up nobody but who needs it', async () => {
  const linking = () => new Promise<never>(() => undefined);
  const { alice } = await aliceAndBob({ later: { ...atHand, linking } });
  const commands: CommandRow[] = [
    { id: '1', command: 'make-link', publicKey: Uint8Array.of(5) },
    { id: '2', command: 'look-up', user: aciOfName('bob') },
  ];
  await alice.history.write(['commands'], async (transaction) => {
    for (const command of commands) await transaction.put('commands', command);
  });
  const answered = await new Promise((resolve, reject) => {
    alice.history.observe(
      ['answers'],
      (transaction) => transaction.range('answers'),
      ([row]) => row && resolve(row.id),
      reject,
    );
  });
  expect(answered).toBe('2');
});
