import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { Person, until } from '../support/person.js';

const SENDERS = 20;
const EACH = 50;

test('a thousand messages of twenty people, who wrote side by side: each conversation whole and in order, and what is left falls to nothing', async () => {
  const relay = new FakeRelay();
  const bob = await new Person('bob', relay).wake();
  await bob.online();
  const senders = await Promise.all(
    Array.from({ length: SENDERS }, async (_, i) => {
      const sender = await new Person(`sender-${i}`, relay).wake();
      await sender.online();
      return sender;
    }),
  );
  await bob.sleep();
  for (let n = 0; n < EACH; n++) await Promise.all(senders.map((sender) => sender.say(bob, `m${n}`)));
  for (const sender of senders) await sender.hasSent(bob, `m${EACH - 1}`);
  await Promise.all(senders.map((sender) => sender.sleep()));

  await bob.wake();
  const left: number[] = [];
  await until(bob.client.connection, (state) => {
    if (state.state === 'online') left.push(state.left);
    return left.length > 1 && left.at(-1) === 0;
  });
  const expected = Array.from({ length: EACH }, (_, n) => `m${n}`);
  for (const sender of senders) expect(await bob.texts(sender, EACH)).toEqual(expected);

  expect(
    left.filter((count, i) => count > (left[i - 1] ?? Infinity)),
    'never more than before',
  ).toEqual([]);
  // Told as it went on, not once at the beginning and once at the end.
  expect(new Set(left).size).toBeGreaterThan(5);
  await until(bob.client.conversations, (list) => list.reduce((sum, { unread }) => sum + unread, 0) === SENDERS * EACH);
});
