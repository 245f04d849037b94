import type { Submit } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { directConversationId } from '../../src/content/content.js';
import type { Notice } from '../../src/index.js';
import { startingWith } from '../../src/storage/tables.js';
import type { FakeRelay } from '../support/fake-relay.js';
import { aciOfName } from '../support/fake-relay.js';
import { link } from '../support/link.js';
import { aliceAndBob, Person, until } from '../support/person.js';
import { damaged, isText, kindsOf } from '../support/shown.js';
import { pass, passUntil, TestClock } from '../support/test-clock.js';

/** The number of the device that is linked second. */
const LAPTOP = 2;

const DAY_MS = 24 * 60 * 60_000;

interface Two {
  readonly relay: FakeRelay;
  readonly clock: TestClock;
  readonly phone: Person;
  readonly laptop: Person;
  readonly bob: Person;
}

/** Alice's phone and laptop, and Bob: all have talked. */
async function talking(): Promise<Two> {
  const clock = new TestClock();
  const { relay, alice: phone, bob } = await aliceAndBob({ clock });
  const laptop = await new Person('alice', relay, { clock }).wake();
  await link(phone, laptop);
  await phone.say(bob, 'hello');
  await Promise.all([laptop.texts(bob, 1), bob.texts(phone, 1)]);
  await laptop.say(bob, 'it is me');
  await phone.texts(bob, 2);
  return { relay, clock, phone, laptop, bob };
}

/** What the relay makes of the phone's copies for the laptop, for so many of them. */
function tamperWithCopies(
  relay: FakeRelay,
  change: (payload: Uint8Array) => Uint8Array | null,
  times = Infinity,
): void {
  const self = aciOfName('alice');
  let left = times;
  relay.tamper = (payload, to, from) =>
    from === self && to.user === self && to.device === LAPTOP && left-- > 0 ? change(payload) : payload;
}

/** Every list of notices that the person was shown. */
function noticesOf({ client }: Person): (readonly Notice[])[] {
  const shown: (readonly Notice[])[] = [];
  client.notices.subscribe((list) => shown.push(list));
  return shown;
}

/** Resolves when there is such a row. */
function outboxHas({ history }: Person, prefix: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const observation = history.observe(
      ['outbox'],
      (transaction) => transaction.count('outbox', { lower: [prefix], upper: [`${prefix}\uffff`] }),
      (count) => {
        if (count === 0) return;
        observation.end();
        resolve();
      },
      reject,
    );
  });
}

const codes = (lists: readonly (readonly Notice[])[]): string[] => lists.flat().map(({ code }) => code);

test('a copy from an own device that could not be read: a notice says so, and goes when the copy has come again', async () => {
  const { relay, phone, laptop, bob } = await talking();
  const shown = noticesOf(laptop);
  tamperWithCopies(relay, damaged, 1);
  await phone.say(bob, 'damaged for the laptop');
  const list = await laptop.sees(bob, ({ length }) => length === 3);
  expect(kindsOf(list)).toEqual(['hello', 'it is me', 'damaged for the laptop']);
  await until(laptop.client.notices, ({ length }) => length === 0);
  expect(codes(shown)).toContain('own-copy-unreadable');
  const conversations = await until(laptop.client.conversations, ({ length }) => length > 0);
  expect(conversations.map(({ user, unread }) => [user, unread])).toEqual([['bob', 0]]);
});

test('a copy that stays unreadable is said once; what was dismissed comes back only with another one', async () => {
  const { relay, phone, laptop, bob } = await talking();
  tamperWithCopies(relay, damaged);
  await phone.say(bob, 'never readable');
  const [notice] = await until(laptop.client.notices, ({ length }) => length > 0);
  expect(notice?.code).toBe('own-copy-unreadable');
  await laptop.client.dismiss('own-copy-unreadable');
  await until(laptop.client.notices, ({ length }) => length === 0);
  await laptop.sleep();
  const shown = noticesOf(laptop);
  await laptop.wake();
  await bob.say(phone, 'all well?');
  await laptop.sees(bob, (list) => list.some(({ text }) => text === 'all well?'));
  expect(codes(shown)).toEqual([]);
  await phone.say(bob, 'nor this');
  await until(laptop.client.notices, ({ length }) => length > 0);
});

test('a copy that never came: a notice says so while it is asked for', async () => {
  const { relay, clock, phone, laptop, bob } = await talking();
  const shown = noticesOf(laptop);
  tamperWithCopies(relay, () => null, 1);
  await phone.say(bob, 'withheld from the laptop');
  await phone.hasSent(bob, 'withheld from the laptop');
  await phone.say(bob, 'after');
  await laptop.sees(bob, (list) => list.some(({ text }) => text === 'after'));
  const list = await passUntil(
    clock,
    laptop.sees(bob, (all) => all.length === 4 && isText(all)),
  );
  expect(kindsOf(list)).toEqual(['hello', 'it is me', 'withheld from the laptop', 'after']);
  await until(laptop.client.notices, ({ length }) => length === 0);
  expect(codes(shown)).toContain('own-copy-unreadable');
});

test('a copy that is asked for while the message itself has not left: it comes with that, and not before', async () => {
  const { relay, clock, phone, laptop, bob } = await talking();
  await bob.say(phone, 'read this');
  await Promise.all([phone.texts(bob, 3), laptop.texts(bob, 3)]);
  const toBob = ({ recipients }: Submit): boolean => recipients.some(({ user }) => user === aciOfName('bob'));
  relay.onSubmit = (submit, from) => (from === aciOfName('alice') && toBob(submit) ? 'unavailable' : null);
  await phone.say(bob, 'held up');
  await phone.client.direct('bob').markRead();
  await passUntil(clock, outboxHas(phone, 'resend:'));
  await pass(clock, 60_000);
  const rows = await laptop.history.read(['messages'], (transaction) => transaction.range('messages'));
  expect(rows.flatMap(({ body }) => (body.kind === 'content' ? [body.data] : []))).not.toContainEqual({
    text: 'held up',
  });
  relay.onSubmit = () => null;
  const list = await passUntil(
    clock,
    laptop.sees(bob, (all) => all.length === 4),
  );
  expect(list.at(-1)).toMatchObject({ text: 'held up', mine: true });
  await phone.hasSent(bob, 'held up');
  await passUntil(
    clock,
    until(laptop.client.notices, ({ length }) => length === 0),
  );
});

test('a copy that nothing can heal any more is told of until that is dismissed; 45 days later it stands in no other’s way', async () => {
  const { relay, clock, phone, laptop, bob } = await talking();
  const aboutCopies = (): Promise<number> =>
    laptop.history.read(['messages'], (transaction) =>
      transaction.count('messages', startingWith(directConversationId(aciOfName('alice'), aciOfName('alice')))),
    );
  const unreadable = (): Promise<number> =>
    laptop.vault.read(['undecryptable'], (transaction) => transaction.count('undecryptable'));
  tamperWithCopies(relay, damaged);
  await phone.say(bob, 'never readable');
  await until(laptop.client.notices, ({ length }) => length === 1);
  const [old] = await until(laptop.client.devices, (list) => list.some(({ current }) => !current));
  await laptop.client.removeDevice(old?.current === false ? old.id : '');
  const tablet = await new Person('alice', relay, { clock }).wake();
  tamperWithCopies(relay, damaged, 1);
  await link(laptop, tablet);

  clock.advance(46 * DAY_MS);
  while ((await unreadable()) > 0) await new Promise(setImmediate);
  await pass(clock, 5_000);
  await tablet.say(bob, 'one');
  await laptop.sees(bob, (list) => list.some(({ text }) => text === 'one'));
  await pass(clock, 5_000);
  expect(await aboutCopies()).toBe(1);
  const notices = await until(laptop.client.notices, () => true);
  expect(notices.map(({ code }) => code)).toEqual(['own-copy-unreadable']);

  await laptop.client.dismiss('own-copy-unreadable');
  clock.advance(DAY_MS);
  while ((await aboutCopies()) > 0) await new Promise(setImmediate);
  const shown = noticesOf(laptop);
  tamperWithCopies(relay, damaged, 1);
  await tablet.say(bob, 'two');
  await laptop.sees(bob, (list) => list.some(({ text }) => text === 'two'));
  await until(laptop.client.notices, ({ length }) => length === 0);
  expect(codes(shown)).toContain('own-copy-unreadable');
});
