import { expect, test } from 'vitest';

import { receipt } from '../../src/content/kinds/receipt.js';
import type { Message } from '../../src/index.js';
import { aciOfName } from '../support/fake-relay.js';
import { link } from '../support/link.js';
import { aliceAndBob, Person, until } from '../support/person.js';

const statuses = (list: readonly Message[]): (string | null)[] =>
  list.flatMap((one) => (one.mine && one.kind === 'text' ? [one.status] : []));

test('who tells nobody of receipts: the other side stays at sent, before and after an answer; own devices share what was read', async () => {
  const { relay, alice, bob: phone } = await aliceAndBob({ bob: { receipts: 'never' } });
  const laptop = await new Person('bob', relay, { receipts: 'never' }).wake();
  await link(phone, laptop);
  const kinds: string[] = [];
  for (const { history } of [phone, laptop])
    history.observe(
      ['outbox'],
      (transaction) => transaction.range('outbox'),
      (rows) => kinds.push(...rows.map(({ kind }) => kind)),
      (error) => {
        throw error;
      },
    );
  const toAlice = new Set<string>();
  relay.onSubmit = ({ id, recipients }, from) => {
    if (from === aciOfName('bob') && recipients.some(({ user }) => user === aciOfName('alice'))) toAlice.add(id.join());
    return null;
  };
  await alice.say(phone, 'one');
  await Promise.all([phone.texts(alice, 1), laptop.texts(alice, 1)]);
  await phone.client.direct('alice').markRead();
  await laptop.sees(alice, ([first]) => first?.unread === false);
  await phone.say(alice, 'an answer');
  await alice.texts(phone, 2);
  await alice.say(phone, 'two');
  await Promise.all([phone.texts(alice, 3), laptop.texts(alice, 3)]);
  await laptop.client.direct('alice').markRead();
  await until(phone.client.conversations, ([first]) => first?.last?.text === 'two' && first.unread === 0);
  // Behind everything that could have been a receipt.
  await phone.say(alice, 'done');
  const list = await alice.sees(phone, (all) => all.some(({ text }) => text === 'done'));
  expect(statuses(list)).toEqual(['sent', 'sent']);
  expect(toAlice.size).toBe(2);
  expect(kinds).toContain('read-mark');
  expect(kinds).not.toContain(receipt.name);
});
