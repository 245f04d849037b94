import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { wakeMortal } from '../support/crashing-tables.js';
import { aliceAndBobTalking, Person } from '../support/person.js';

const TEXTS = ['one', 'two', 'three'];

/** Alice and Bob have talked; then one of them dies after `commits` commits in the middle of three more messages. */
async function story(victim: 'alice' | 'bob', commits: number): Promise<{ died: boolean }> {
  const { relay, alice, bob } = await aliceAndBobTalking();

  const doomed = victim === 'alice' ? alice : bob;
  await doomed.sleep();
  const life = await wakeMortal(doomed, commits);
  for (const text of TEXTS) await alice.say(bob, text);
  // Either the messages make it within this life, or the life ends first.
  await Promise.race([
    life.ended,
    Promise.all([bob.texts(alice, 5), alice.sees(bob, (list) => list.every(isDelivered))]),
  ]);
  await doomed.sleep();
  await doomed.wake();

  const expected = ['hello', 'hi', ...TEXTS];
  expect(await bob.texts(alice, 5)).toEqual(expected);
  // A receipt may come before the relay's answer to the repeated submit: the final position follows with that.
  await alice.sees(
    bob,
    (list) =>
      list.filter(({ mine }) => mine).every(isDelivered) && list.map(({ text }) => text).join() === expected.join(),
  );
  await relay.emptied('bob');
  await relay.emptied('alice');
  expect(await bob.texts(alice, 5)).toEqual(expected);
  await Promise.all([alice.sleep(), bob.sleep()]);
  for (const person of [alice, bob]) {
    expect(await person.vault.read(['undecryptable'], (transaction) => transaction.count('undecryptable'))).toBe(0);
    expect(await person.vault.read(['sealedMessages'], (transaction) => transaction.count('sealedMessages'))).toBe(0);
    expect(await person.history.read(['outbox'], (transaction) => transaction.count('outbox'))).toBe(0);
  }
  return { died: life.isOver };
}

const isDelivered = (message: { kind: string; mine: boolean; status?: string | null }): boolean =>
  !message.mine || message.status === 'delivered' || message.status === 'read';

test.each(['alice', 'bob'] as const)(
  '%s dies after any commit, and no message is lost, doubled or out of order',
  { timeout: 120_000 },
  async (victim) => {
    let deaths = 0;
    for (let commits = 1; commits <= 40; commits++) {
      const { died } = await story(victim, commits);
      if (died) deaths++;
    }
    // The last lives are long enough to survive: every commit of the story has been the last one once.
    expect(deaths).toBeGreaterThan(15);
  },
);

test('two engines on one vault at once: the older one stops, and no ratchet forks', async () => {
  const relay = new FakeRelay();
  const alice = await new Person('alice', relay).wake();
  const bob = await new Person('bob', relay).wake();
  await Promise.all([alice.online(), bob.online()]);
  await alice.say(bob, 'hello');
  await bob.texts(alice, 1);
  await alice.wake(); // beside the first engine, which knows nothing of it
  for (let i = 0; i < 20; i++) {
    await alice.say(bob, `a${i}`);
    await bob.say(alice, `b${i}`);
  }
  const all = [
    ...Array.from({ length: 20 }, (_, i) => `a${i}`),
    ...Array.from({ length: 20 }, (_, i) => `b${i}`),
    'hello',
  ].sort();
  expect((await bob.texts(alice, 41)).sort()).toEqual(all);
  expect((await alice.texts(bob, 41)).sort()).toEqual(all);
  expect(await alice.texts(bob, 41)).toEqual(await bob.texts(alice, 41));
});
