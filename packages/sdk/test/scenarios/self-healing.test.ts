import { expect, test } from 'vitest';

import type { Message } from '../../src/index.js';
import type { Vault, VaultRows } from '../../src/vault/schema.js';
import { aciOfName, type FakeRelay } from '../support/fake-relay.js';
import { envelopeFrom } from '../support/forge.js';
import { aliceAndBobTalking, type Pair, until } from '../support/person.js';
import { damaged, isText, kindsOf } from '../support/shown.js';
import { passUntil, TestClock } from '../support/test-clock.js';

async function pair(): Promise<Pair & { clock: TestClock }> {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBobTalking({ clock });
  await alice.sees(bob, isSettled);
  await bob.sees(alice, isSettled);
  return { relay, alice, bob, clock };
}

/** All own messages have been receipted, and there are some: a list may be older than what is waited for. */
const isSettled = (list: readonly Message[]): boolean =>
  list.some(isDelivered) && list.every((one) => !one.mine || isDelivered(one));
const isDelivered = (one: Message): boolean => one.kind === 'text' && one.status === 'delivered';

/** The next envelope for somebody is made into something else. */
function once(relay: FakeRelay, to: string, change: (payload: Uint8Array) => Uint8Array | null): Promise<void> {
  return new Promise((resolve) => {
    relay.tamper = (payload, { user }) => {
      if (user !== aciOfName(to)) return payload;
      relay.tamper = (untouched) => untouched;
      resolve();
      return change(payload);
    };
  });
}

/** Something happens when a table has been looked at for the first time, before the answer is there. */
function lookingAt(vault: Vault, table: keyof VaultRows, happens: () => Promise<void>): Vault {
  let isFirst = true;
  return {
    ...vault,
    read: async (names, work) => {
      const answer = await vault.read(names, work);
      if (isFirst && names.length === 1 && names.some((name) => name === table)) {
        isFirst = false;
        await happens();
      }
      return answer;
    },
  };
}

test('a message that was damaged on its way is shown as such, and replaced in its place when it comes again', async () => {
  const { relay, alice, bob } = await pair();
  const placeholders: Message[] = [];
  bob.client.direct('alice').messages.subscribe((list) => {
    placeholders.push(...list.filter(({ kind }) => kind === 'undecryptable'));
  });
  void once(relay, 'bob', damaged);
  await alice.say(bob, 'damaged');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'damaged'));
  expect(placeholders[0]).toMatchObject({ cause: 'bad-ciphertext', resend: 'asked' });
  await alice.say(bob, 'after');
  const list = await bob.sees(alice, (all) => all.some(({ text }) => text === 'after'));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'damaged', 'after']);
  expect(await alice.texts(bob, 4)).toEqual(['hello', 'hi', 'damaged', 'after']);
});

test('what is damaged within the hour after another is asked for at once: the session that healed the one heals the other', async () => {
  const { relay, alice, bob } = await pair();
  for (const text of ['one', 'two', 'three']) {
    void once(relay, 'bob', damaged);
    await alice.say(bob, text);
    await bob.sees(alice, (list) => list.some((message) => message.text === text));
  }
  expect(kindsOf(await bob.sees(alice, isText))).toEqual(['hello', 'hi', 'one', 'two', 'three']);
});

test('Bob has lost his sessions: what Alice sends comes again under a fresh one', async () => {
  const { alice, bob } = await pair();
  await bob.sleep();
  await bob.vault.write(['sessions', 'archivedSessions'], async (transaction) => {
    for (const { user, device } of await transaction.range('sessions'))
      await transaction.delete('sessions', [user, device]);
  });
  for (const text of ['one', 'two', 'three']) await alice.say(bob, text);
  await alice.hasSent(bob, 'three');
  await bob.wake();
  const list = await bob.sees(alice, (all) => all.length === 5 && isText(all));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'one', 'two', 'three']);
  await bob.say(alice, 'thanks');
  expect(await alice.texts(bob, 6)).toContain('thanks');
});

test('a receipt that could not be read leaves nothing behind', async () => {
  const { relay, alice, bob } = await pair();
  await bob.say(alice, 'question');
  await alice.texts(bob, 3);
  await bob.sees(alice, isSettled);
  void once(relay, 'bob', damaged);
  await alice.client.direct('bob').markRead();
  await bob.sees(alice, (list) => list.some(({ kind }) => kind === 'undecryptable'));
  const list = await bob.sees(alice, isText);
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'question']);
});

test('the relay repeats what was unreadable after it has come again: nothing is shown, nothing is asked', async () => {
  const { relay, alice, bob } = await pair();
  let bytes = new Uint8Array();
  void once(relay, 'bob', (payload) => (bytes = new Uint8Array(damaged(payload))));
  await alice.say(bob, 'damaged');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'damaged'));
  const [row] = await bob.vault.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  const id = Uint8Array.from(Buffer.from(row?.id.split('.')[2] ?? '', 'base64url'));
  await alice.sees(bob, (list) => list.some((one) => one.text === 'damaged' && isDelivered(one)));
  const before = relay.mailbox('alice').head;
  relay.inject('bob', { ...(await envelopeFrom(alice, bytes)), id });
  await relay.emptied('bob');
  await alice.say(bob, 'after');
  const list = await bob.sees(alice, (all) => all.some(({ text }) => text === 'after'));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'damaged', 'after']);
  await relay.emptied('alice');
  // One receipt for `after`, and nothing else.
  expect(relay.mailbox('alice').head).toBeLessThanOrEqual(before + 1);
});

test('a message that never came is noticed by the next one, and asked for after a minute', async () => {
  const { relay, alice, bob, clock } = await pair();
  void once(relay, 'bob', () => null);
  await alice.say(bob, 'withheld');
  await alice.hasSent(bob, 'withheld');
  await alice.say(bob, 'after');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'after'));
  const list = await passUntil(
    clock,
    bob.sees(alice, (all) => all.length === 4 && isText(all)),
  );
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'withheld', 'after']);
});

test('what has come again is not shown as unreadable when the first one comes after all, too late to be read', async () => {
  const { relay, alice, bob, clock } = await pair();
  let bytes = new Uint8Array();
  void once(relay, 'bob', (payload) => {
    bytes = new Uint8Array(damaged(payload));
    return null;
  });
  await alice.say(bob, 'withheld');
  await alice.hasSent(bob, 'withheld');
  await alice.say(bob, 'after');
  await passUntil(
    clock,
    bob.sees(alice, (all) => all.length === 4 && isText(all)),
  );
  const sent = await alice.vault.read(['sent'], (transaction) => transaction.range('sent'));
  const [first] = sent.filter(({ state }) => state === 'answered');
  const id = Uint8Array.from(Buffer.from(first?.envelope ?? '', 'base64url'));
  relay.inject('bob', { ...(await envelopeFrom(alice, bytes)), id });
  await relay.emptied('bob');
  await alice.say(bob, 'last');
  const list = await bob.sees(alice, (all) => all.some(({ text }) => text === 'last'));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'withheld', 'after', 'last']);
});

test('what comes just when its absence is looked at is not shown as missing', async () => {
  const { relay, alice, bob, clock } = await pair();
  await bob.sleep();
  let bytes = new Uint8Array();
  void once(relay, 'bob', (payload) => {
    bytes = new Uint8Array(payload);
    return null;
  });
  await alice.say(bob, 'withheld');
  await alice.hasSent(bob, 'withheld');
  await alice.say(bob, 'after');
  await alice.hasSent(bob, 'after');
  await alice.sleep();
  const late = await envelopeFrom(alice, bytes);
  await bob.wake({
    vault: lookingAt(bob.vault, 'undecryptable', async () => {
      relay.inject('bob', late);
      // As many turns as storing it takes, and more: it is stored by now, or waits for the look to end.
      for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate);
    }),
  });
  await passUntil(
    clock,
    bob.sees(alice, (all) => all.some(({ text }) => text === 'withheld')),
  );
  // Ends when the look has.
  await bob.sleep();
  const rows = await bob.history.read(['messages'], (transaction) => transaction.range('messages'));
  expect(rows.map(({ body }) => body.kind)).toEqual(['content', 'content', 'content', 'content']);
});

test('Bob’s own clock is days ahead when something is missing: what he writes then is not of the future', async () => {
  const clock = new TestClock();
  clock.set(60 * 60 * 60_000);
  const { relay, alice, bob } = await aliceAndBobTalking({ bob: { clock } });
  void once(relay, 'bob', () => null);
  await alice.say(bob, 'withheld');
  await alice.hasSent(bob, 'withheld');
  await alice.say(bob, 'after');
  await alice.hasSent(bob, 'after');
  await alice.sleep();
  await passUntil(
    clock,
    bob.sees(alice, (list) => list.some(({ kind }) => kind === 'missing')),
  );
  await bob.say(alice, 'is something missing?');
  await bob.hasSent(alice, 'is something missing?');
  await alice.wake();
  const list = await alice.sees(bob, (all) => all.length === 5);
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'withheld', 'after', 'is something missing?']);
});

test('what expired while Bob was away is asked for, and comes', async () => {
  const { relay, alice, bob } = await pair();
  await bob.sleep();
  await alice.say(bob, 'one');
  await alice.say(bob, 'two');
  await alice.hasSent(bob, 'two');
  relay.expire('bob');
  await bob.wake();
  const list = await bob.sees(alice, (all) => all.length === 4);
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'one', 'two']);
  const notices = await until(bob.client.notices, ([first]) => first !== undefined);
  expect(notices).toMatchObject([{ code: 'expired' }]);
  await bob.client.dismiss('expired');
  await until(bob.client.notices, ({ length }) => length === 0);
});

test('a device that stays online for weeks forgets what nobody can ask for any more', async () => {
  const { relay, alice, clock } = await pair();
  const kept = (): Promise<number> => alice.vault.read(['sent'], (transaction) => transaction.count('sent'));
  expect(await kept()).toBeGreaterThan(0);
  const { socket } = relay.mailbox('alice');
  clock.advance(60 * 24 * 60 * 60_000);
  while ((await kept()) > 0) await new Promise(setImmediate);
  expect(relay.mailbox('alice').socket).toBe(socket);
});

test('what could not be read is kept for 45 days', async () => {
  const { relay, alice, bob, clock } = await pair();
  void once(relay, 'bob', damaged);
  await alice.say(bob, 'damaged');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'damaged'));
  const rows = () => bob.vault.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  const [row] = await rows();
  if (!row) throw new Error('nothing is kept');
  const aged = (days: number) => ({ ...row, id: `${days} days`, at: row.at - days * 24 * 60 * 60_000 });
  await bob.vault.write(['undecryptable'], async (transaction) => {
    for (const days of [44, 46]) await transaction.put('undecryptable', aged(days));
  });
  clock.advance(60 * 60_000);
  while ((await rows()).some(({ id }) => id === '46 days')) await new Promise(setImmediate);
  expect((await rows()).map(({ id }) => id).sort()).toEqual(['44 days', row.id].sort());
});

test('what cannot be had is said to be lost', async () => {
  const { relay, alice, bob, clock } = await pair();
  void once(relay, 'bob', () => null);
  await alice.say(bob, 'withheld');
  await alice.hasSent(bob, 'withheld');
  await alice.sleep();
  await alice.history.write(['messages'], async (transaction) => {
    for (const row of await transaction.range('messages')) {
      if (row.body.kind === 'content' && 'text' in row.body.data && row.body.data.text === 'withheld')
        await transaction.delete('messages', [row.conversation, row.user, row.id, row.device]);
    }
  });
  await alice.wake();
  await alice.say(bob, 'after');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'after'));
  const isLost = (one: Message): boolean => one.kind === 'missing' && one.lost === 1;
  const list = await passUntil(
    clock,
    bob.sees(alice, (all) => all.some(isLost)),
  );
  expect(list.find(({ kind }) => kind === 'missing')).toMatchObject({ asked: 0, lost: 1 });
});
