import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { findFirefox } from '../../scripts/services/firefox.js';
import { World } from '../support/world.js';

/** The main paths in a second engine, whose IndexedDB, Web Locks and WebSockets are others. Where there is no Firefox, these count as not run. */
describe.runIf(findFirefox() !== null)('Firefox', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create('embedded', 'firefox');
  });
  afterAll(() => world.end());
  afterEach(() => world.clear());

  test('two strangers write to each other, and see what was read', async () => {
    const { alice, bob, her, his } = await world.aliceAndBob();
    await her.send('Are you there?');
    await his.shows('Are you there?');
    await his.send('I am.');
    await her.shows('Are you there?', 'I am.');
    await her.reaches('read');
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  });

  test('a reload loses nothing, also not what had not gone out', async () => {
    const { alice, her, his } = await world.aliceAndBob();
    await her.send('one');
    await his.shows('one');
    alice.network.cut();
    await her.send('two', 'three');
    await her.reload();
    await her.shows('one', 'two', 'three');
    alice.network.heal();
    await his.shows('one', 'two', 'three');
  });

  test('two tabs share one device: when the leading one goes, the other carries on', async () => {
    const { alice, her, his } = await world.aliceAndBob();
    const second = await alice.open();
    await her.send('from the first');
    await second.shows('from the first');
    await her.close();
    await second.send('from the second');
    await his.shows('from the first', 'from the second');
    await his.send('heard');
    await second.shows('from the first', 'from the second', 'heard');
  });
});
