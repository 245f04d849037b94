import { expect, test } from 'vitest';

import { type LifeSpan, wakeMortal } from '../support/crashing-tables.js';
import { aciOfName } from '../support/fake-relay.js';
import { aliceAndBobTalking, type Person } from '../support/person.js';
import { damaged, isText, kindsOf } from '../support/shown.js';

type Name = 'alice' | 'bob';

/**
 * What Alice writes is damaged on its way: Bob cannot read it, asks, gets it once more, and it takes the place of the notice.
 * The engines of the victims die after `commits` commits each, and are started again.
 */
async function story(victims: readonly Name[], commits: number): Promise<{ died: boolean }> {
  const people = await aliceAndBobTalking();
  const { relay, alice, bob } = people;
  relay.tamper = (payload, { user }) => {
    if (user !== aciOfName('bob')) return payload;
    relay.tamper = (untouched) => untouched;
    return damaged(payload);
  };
  const lives: { person: Person; life: LifeSpan }[] = [];
  for (const person of victims.map((name) => people[name])) {
    await person.sleep();
    lives.push({ person, life: await wakeMortal(person, commits) });
  }
  await alice.say(bob, 'damaged');
  const healed = bob.sees(alice, (list) => list.length === 3 && isText(list));
  // Each begins again when it has died, while the other goes on.
  const again = lives.map(async ({ person, life }) => {
    await life.ended;
    await person.sleep();
    await person.wake();
  });
  await Promise.race([Promise.all(again), healed]);
  // Who has not died yet must not do so while it is being looked at.
  for (const { person } of lives) {
    await person.sleep();
    await person.wake();
  }
  expect(kindsOf(await healed)).toEqual(['hello', 'hi', 'damaged']);
  await alice.say(bob, 'after');
  await bob.say(alice, 'thanks');
  const expected = ['hello', 'hi', 'damaged', 'after', 'thanks'];
  for (const [one, other] of [[alice, bob] as const, [bob, alice] as const])
    expect((await one.texts(other, 5)).sort()).toEqual([...expected].sort());
  await nothingLeft(alice, bob);
  await nothingLeft(bob, alice);
  await Promise.all([alice.sleep(), bob.sleep()]);
  return { died: lives.some(({ life }) => life.isOver) };
}

/** Nothing waits, nothing is unreadable, nothing is asked for. */
async function nothingLeft(of: Person, other: Person): Promise<void> {
  await of.sees(other, (list) => list.every((one) => !one.mine || one.kind !== 'text' || one.status === 'delivered'));
  await of.relay.emptied(of.name);
  const open = await of.vault.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  expect(open.filter(({ healed }) => healed === 0)).toEqual([]);
}

test.each<[string, readonly Name[]]>([
  ['who wrote', ['alice']],
  ['who could not read', ['bob']],
  ['both', ['alice', 'bob']],
])('%s may die after any commit: the message comes again, once', { timeout: 240_000 }, async (_, victims) => {
  let commits = 0;
  while ((await story(victims, ++commits)).died) expect(commits).toBeLessThan(60);
  // The last lives were long enough to survive: every commit of the story has been the last one once.
  expect(commits).toBeGreaterThan(6);
});
