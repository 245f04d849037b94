import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await World.create('embedded');
});
afterAll(() => world.end());
afterEach(() => world.clear());

test('on a slow network messages take long, and arrive once and in order', async () => {
  const { alice, bob, her, his } = await world.acquainted();
  alice.network.delay(700);
  bob.network.delay(300);
  await her.send('slow one', 'slow two', 'slow three');
  await his.shows('hello', 'slow one', 'slow two', 'slow three');
  await her.reaches('delivered');
});

test('a dead connection that nobody closed: what was written into it arrives once when the network is back', async () => {
  const { alice, her, his } = await world.acquainted();
  alice.network.swallow();
  await her.send('into the void', 'and more');
  await her.shows('hello', 'into the void', 'and more');
  expect((await her.statuses()).slice(1)).toEqual(['pending', 'pending']);
  alice.network.heal();
  await his.shows('hello', 'into the void', 'and more');
  await her.reaches('delivered');
  await his.shows('hello', 'into the void', 'and more');
});

test('the answer to a submit is lost on the way: the retry is not shown twice', async () => {
  const { alice, her, his } = await world.acquainted();
  alice.network.delay(400);
  await her.send('sent once');
  // It has reached the relay; the answer to it is still under way when the connection breaks.
  await his.shows('hello', 'sent once');
  alice.network.reset();
  alice.network.delay(0);
  await her.reaches('delivered');
  await his.shows('hello', 'sent once');
  await her.send('after');
  await his.shows('hello', 'sent once', 'after');
});

test('Bob breaks off while messages stream in, again and again, and misses none', async () => {
  const { bob, her, his } = await world.acquainted();
  const texts = Array.from({ length: 30 }, (_, index) => `stream ${index}`);
  for (const [index, text] of texts.entries()) {
    await her.send(text);
    if (index % 7 === 3) bob.network.reset();
  }
  await his.shows('hello', ...texts);
  await her.reaches('delivered');
});

test('one of two tabs crashes while it leads: the other takes over', async () => {
  const { alice, her, his } = await world.acquainted();
  const second = await alice.open();
  await second.isIn('online');
  await her.crash();
  await his.send('who is there?');
  await second.shows('hello', 'who is there?');
  await second.send('the other tab');
  await his.shows('hello', 'who is there?', 'the other tab');
});

test('where WebSockets are refused, long polling carries the messages', async () => {
  const { alice, bob } = await world.strangers();
  const [her, his] = [await alice.open({ webSockets: false }), await bob.open()];
  await Promise.all([her.isIn('online'), his.isIn('online')]);
  await her.send('without a WebSocket');
  await his.shows('without a WebSocket');
  await his.send('and back');
  await her.shows('without a WebSocket', 'and back');
  await her.reaches('delivered');
});
