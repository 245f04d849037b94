import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Setup } from '../support/backend.js';
import type { Person } from '../support/person.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

const SETUPS: Setup[] = ['embedded', 'cluster'];

/** The same stories on both: what a person sees does not depend on how the relay is run. */
describe.each(SETUPS)('two browsers and a relay, %s', (setup) => {
  let world: World;

  beforeAll(async () => {
    world = await World.create(setup);
  });
  afterAll(() => world.end());
  afterEach(() => world.clear());

  function noErrors(...people: Person[]): void {
    expect(people.flatMap(({ errors }) => errors)).toEqual([]);
  }

  test('Alice writes to Bob, whom she has never seen, and both answer in turn', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();

    await her.send('Are you there?');
    await his.shows('Are you there?');
    await his.send('I am.');
    await her.shows('Are you there?', 'I am.');
    await her.send('Good.');
    await his.shows('Are you there?', 'I am.', 'Good.');

    expect((await his.shown()).map(({ mine }) => mine)).toEqual([false, true, false]);
    await her.reaches('read');
    await his.reaches('read');
    noErrors(alice, bob);
  });

  test('a stranger who writes learns nothing of Bob, by default, until he answers', async () => {
    const { alice, bob } = await world.strangers();
    const [her, his] = [await alice.open(), await bob.open({ receipts: 'answered' })];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    await her.send('who are you?');
    await his.shows('who are you?');
    await his.send('Bob');
    await her.shows('who are you?', 'Bob');
    await her.send('nice');
    await until(
      'the answer should be read',
      () => her.statuses(),
      (all) => all.at(-1) === 'read',
    );
    noErrors(alice, bob);
  });

  test('Alice writes to Bob before he ever opened the app; it goes out when he has', async () => {
    const { alice, bob } = await world.strangers();
    const her = await alice.open();
    await her.isIn('online');
    await her.send('Welcome, whenever you come.');
    await her.shows('Welcome, whenever you come.');

    const his = await bob.open();
    await his.isIn('online');
    await her.reaches('sent', 60_000);
    await his.shows('Welcome, whenever you come.');
    noErrors(alice, bob);
  });

  test('both write first at the same moment; both messages arrive and the conversation goes on', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();

    await Promise.all([her.send('from Alice'), his.send('from Bob')]);
    const order = await her.showsCount(2);
    expect([...order].sort()).toEqual(['from Alice', 'from Bob']);
    await his.shows(...order);

    await her.send('and on');
    await his.shows(...order, 'and on');
    noErrors(alice, bob);
  });

  test('Bob reloads in the middle of the conversation and has lost nothing', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('one');
    await his.shows('one');

    await his.reload();
    await his.shows('one');
    await her.send('two');
    await his.shows('one', 'two');
    await his.send('three');
    await her.shows('one', 'two', 'three');
    noErrors(alice, bob);
  });

  test('Alice reloads with messages still unsent; they go out once', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('before');
    await his.shows('before');

    alice.network.cut();
    await her.isIn('offline');
    await her.send('written offline');
    await her.shows('before', 'written offline');
    await her.reload();
    await her.shows('before', 'written offline');
    alice.network.heal();

    await his.shows('before', 'written offline');
    await her.reaches('delivered');
    noErrors(alice, bob);
  });

  test('what Alice writes offline arrives once and in order when she is back', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('hello');
    await his.shows('hello');

    alice.network.cut();
    await her.isIn('offline');
    const texts = Array.from({ length: 10 }, (_, index) => `offline ${index}`);
    await her.send(...texts);
    await her.shows('hello', ...texts);
    expect((await her.statuses()).slice(1)).toEqual(texts.map(() => 'pending'));

    alice.network.heal();
    await his.shows('hello', ...texts);
    await her.reaches('delivered');
    await his.shows('hello', ...texts);
    noErrors(alice, bob);
  });

  test('Bob is away while Alice writes; he finds everything in order, once', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('see you');
    await his.shows('see you');
    await his.close();

    const texts = Array.from({ length: 10 }, (_, index) => `while away ${index}`);
    await her.send(...texts);
    await her.reaches('sent');

    const again = await bob.open();
    await again.shows('see you', ...texts);
    await her.reaches('delivered');
    noErrors(alice, bob);
  });

  test('connections break again and again while both write; nothing is lost, doubled or out of order', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('start');
    await his.shows('start');

    for (let round = 0; round < 5; round++) {
      await Promise.all([her.send(`a${round}`), his.send(`b${round}`)]);
      alice.network.reset();
      if (round % 2 === 0) bob.network.reset();
    }
    await Promise.all([her.showsCount(11, 60_000), his.showsCount(11, 60_000)]);
    // A message has its place when it is sealed; before that it stands last.
    await Promise.all([her.reaches('delivered'), his.reaches('delivered')]);
    const order = await her.texts();
    await his.shows(...order);
    for (const side of ['a', 'b']) {
      expect(order.filter((text) => text.startsWith(side))).toEqual([0, 1, 2, 3, 4].map((round) => `${side}${round}`));
    }
    noErrors(alice, bob);
  });

  test('two tabs of Alice: both show everything, either may write, and closing the first changes nothing', async () => {
    const { alice, bob, her: first, his } = await world.aliceAndBob();
    const second = await alice.open();
    await second.isIn('online');

    await first.send('from the first tab');
    await second.shows('from the first tab');
    await second.send('from the second tab');
    await his.shows('from the first tab', 'from the second tab');
    await his.send('to both');
    for (const tab of [first, second]) await tab.shows('from the first tab', 'from the second tab', 'to both');
    expect(alice.network.sockets, 'one engine, one socket').toBe(1);

    await first.close();
    await second.send('still here');
    await his.shows('from the first tab', 'from the second tab', 'to both', 'still here');
    await his.send('good');
    await second.shows('from the first tab', 'from the second tab', 'to both', 'still here', 'good');
    noErrors(alice, bob);
  });

  test('the relays are killed between send and receive, and started again: nothing is lost', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('before');
    await his.shows('before');
    await his.close();
    await her.send('sent to a relay that dies');
    await her.reaches('sent');

    await Promise.all(world.relays.map((relay) => relay.kill()));
    await her.isIn('offline');
    await her.send('sent to nobody');
    await Promise.all(world.relays.map((relay) => relay.start()));

    const again = await bob.open();
    await again.shows('before', 'sent to a relay that dies', 'sent to nobody');
    await again.send('all here');
    await her.shows('before', 'sent to a relay that dies', 'sent to nobody', 'all here');
    noErrors(alice, bob);
  });

  test('a relay that is stopped for a deploy says so, and everybody comes back', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('one');
    await his.shows('one');

    for (const relay of world.relays) await relay.stop();
    await her.isIn('offline');
    for (const relay of world.relays) await relay.start();
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    await his.send('two');
    await her.shows('one', 'two');
    noErrors(alice, bob);
  });
});
