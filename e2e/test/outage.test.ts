import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { Servers } from '../support/backend.js';
import { World } from '../support/world.js';

let world: World;
let servers: Servers;

beforeAll(async () => {
  world = await World.create('cluster');
  if (!world.backend.servers) throw new Error('a cluster has servers');
  servers = world.backend.servers;
});
afterAll(() => world.end());
afterEach(async () => {
  servers.toDatabase.heal();
  servers.toRedis.heal();
  await world.clear();
});

test('Redis is out of reach: what is sent meanwhile is safe in the mailbox and arrives when it is back', async () => {
  const { alice, bob, her, his } = await world.acquainted();
  servers.toRedis.cut();
  await her.send('stored, not rung');
  await her.reaches('sent');
  servers.toRedis.heal();
  await his.shows('hello', 'stored, not rung');
  await his.send('here');
  await her.shows('hello', 'stored, not rung', 'here');
  expect([...alice.errors, ...bob.errors]).toEqual([]);
});

test('PostgreSQL is out of reach: nothing is called sent that is not stored, and all goes out once when it is back', async () => {
  const { alice, bob, her, his } = await world.acquainted();
  servers.toDatabase.cut();
  const texts = ['one', 'two', 'three'];
  await her.send(...texts);
  await her.shows('hello', ...texts);
  expect((await her.statuses()).slice(1)).toEqual(['pending', 'pending', 'pending']);
  servers.toDatabase.heal();
  await his.shows('hello', ...texts);
  await her.reaches('delivered');
  await his.shows('hello', ...texts);
  expect([...alice.errors, ...bob.errors]).toEqual([]);
});
