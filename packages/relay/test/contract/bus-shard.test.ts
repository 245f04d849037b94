import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Bus } from '../../src/bus/bus.js';
import { openRedisBus } from '../../src/bus/redis-bus.js';
import type { MailboxId } from '../../src/mailbox/mailbox-id.js';
import { startRedisCluster, type RedisCluster } from '../support/redis.js';
import { eventually } from '../support/servers.js';

/** One of three shards of a Redis Cluster goes and comes back, under the bus of two nodes. */
let cluster: RedisCluster;
let [near, far]: [Bus | undefined, Bus | undefined] = [undefined, undefined];
const ignore = () => undefined;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.remove());

beforeEach(async () => {
  // What is opened while a shard is away is of use only when it is back.
  await cluster.whole();
  [near, far] = [await openRedisBus(cluster.url, ignore), await openRedisBus(cluster.url, ignore)];
});
afterEach(() => Promise.all([near?.close(), far?.close()]));

function nodes(): { near: Bus; far: Bus } {
  if (!near || !far) throw new Error('the buses are open');
  return { near, far };
}

let count = 0;

/** A channel of each shard. */
async function channelOfEach(): Promise<MailboxId[]> {
  const found: MailboxId[] = [];
  while (found.filter(Boolean).length < cluster.servers.length) {
    const mailbox = `mailbox-${++count}` as MailboxId;
    found[await cluster.shardOf(`sotto:${mailbox}`)] = mailbox;
  }
  return found;
}

/** What `bus` hears of a channel. */
async function hear(bus: Bus, mailbox: MailboxId): Promise<string[]> {
  const heard: string[] = [];
  await bus.subscribe(mailbox, (message) => heard.push(Buffer.from(message).toString()));
  return heard;
}

const arrives = (from: Bus, mailbox: MailboxId, heard: string[], text: string) =>
  eventually(`${text} on ${mailbox}`, async () => {
    from.publish(mailbox, Buffer.from(text));
    await new Promise(setImmediate);
    if (!heard.includes(text)) throw new Error('nothing yet');
  });

async function subscribersOf(port = 0, mailboxes: (MailboxId | undefined)[]): Promise<number[]> {
  const client = new Redis(port, '127.0.0.1');
  const names = mailboxes.map((mailbox) => `sotto:${mailbox}`);
  const counts = await client.pubsub('SHARDNUMSUB', ...names).finally(() => {
    client.disconnect();
  });
  return names.map((name) => Number(counts[counts.indexOf(name) + 1]));
}

const DEAD = 1;

test.each(['dies', 'falls silent'] as const)(
  'a shard %s: the others go on; it comes back, and a gap is announced',
  async (how) => {
    const { near, far } = nodes();
    const channels = await channelOfEach();
    const heard = await Promise.all(channels.map((channel) => hear(near, channel)));
    for (const [shard, channel] of channels.entries()) await arrives(far, channel, heard[shard] ?? [], 'before');
    let gaps = 0;
    near.onGap(() => gaps++);
    const server = cluster.servers[DEAD];
    if (how === 'dies') await server?.stop();
    else server?.freeze();

    for (const [shard, channel] of channels.entries())
      if (shard !== DEAD) await arrives(far, channel, heard[shard] ?? [], 'meanwhile');
    await cluster.failing();
    // Who comes meanwhile does not wait for the dead, and hears when it is back.
    const late = await channelOfEach();
    const heardLate = await Promise.all(late.map((channel) => hear(near, channel)));
    for (const [shard, channel] of late.entries())
      if (shard !== DEAD) await arrives(far, channel, heardLate[shard] ?? [], 'meanwhile');

    const before = gaps;
    if (how === 'dies') await server?.start();
    else server?.thaw();
    await eventually('the gap', () => (gaps > before ? Promise.resolve() : Promise.reject(new Error('not yet'))));
    // Whoever reads the mailboxes now misses nothing that is rung later.
    expect(await subscribersOf(server?.port, [channels[DEAD], late[DEAD]])).toEqual([1, 1]);
    for (const [shard, channel] of channels.entries()) await arrives(far, channel, heard[shard] ?? [], 'after');
    for (const [shard, channel] of late.entries()) await arrives(far, channel, heardLate[shard] ?? [], 'after');
  },
  90_000,
);

test('a bus that is opened while a shard is away is open at once, and hears when the shard is back', async () => {
  const channels = await channelOfEach();
  const server = cluster.servers[DEAD];
  await server?.stop();
  await cluster.failing();
  const bus = await openRedisBus(cluster.url, ignore);
  const heard = await Promise.all(channels.map((channel) => hear(bus, channel)));
  await server?.start();
  for (const [shard, channel] of channels.entries()) await arrives(bus, channel, heard[shard] ?? [], 'after');
  await bus.close();
}, 90_000);

/** How often the map of slots was read. */
async function refreshes(): Promise<number> {
  const counts = cluster.servers
    .filter((_, shard) => shard !== DEAD)
    .map(async ({ port }) => {
      const client = new Redis(port, '127.0.0.1');
      const stats = await client.info('commandstats').finally(() => {
        client.disconnect();
      });
      return Number(/cmdstat_cluster\|slots:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

test('while a shard is away, what concerns it does not keep the node busy: the map of slots is read twice a second', async () => {
  const { near, far } = nodes();
  const channels = await channelOfEach();
  const heard = await Promise.all(channels.map((channel) => hear(near, channel)));
  const server = cluster.servers[DEAD];
  await server?.stop();
  const [before, started] = [await refreshes(), performance.now()];
  const dead = channels[DEAD] as MailboxId;
  for (let round = 0; round < 200; round++) {
    for (let ring = 0; ring < 5; ring++) far.publish(dead, Buffer.from('nobody'));
    await arrives(far, channels[0] as MailboxId, heard[0] ?? [], `round ${round}`);
  }
  const [read, seconds] = [(await refreshes()) - before, (performance.now() - started) / 1_000];
  // Two nodes have two clients each.
  expect(read).toBeLessThanOrEqual(4 * (2 * seconds + 3));
  await server?.start();
}, 90_000);
