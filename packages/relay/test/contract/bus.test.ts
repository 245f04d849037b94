import { afterAll, beforeAll, expect, test } from 'vitest';

import { localBus } from '../../src/bus/local-bus.js';
import { openRedisBus } from '../../src/bus/redis-bus.js';
import type { MailboxId } from '../../src/mailbox/mailbox-id.js';
import { startRedis, startRedisCluster, type RedisCluster, type RedisServer } from '../support/redis.js';
import { eventually } from '../support/servers.js';
import { busContract } from './bus-contract.js';

let redis: RedisServer;
let cluster: RedisCluster;
const ignore = () => undefined;

beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
});

afterAll(() => Promise.all([redis.remove(), cluster.remove()]));

const shared = localBus();
busContract('in-process', () => Promise.resolve(shared));
busContract('Redis', () => openRedisBus(redis.url, ignore));
busContract('Redis Cluster', () => openRedisBus(cluster.url, ignore));

test('Redis dies and comes back: the gap is announced, and the subscriptions hold', async () => {
  const server = await startRedis();
  const bus = await openRedisBus(server.url, ignore);
  const mailbox = 'survivor' as MailboxId;
  const messages: string[] = [];
  let gaps = 0;
  bus.onGap(() => gaps++);
  await bus.subscribe(mailbox, (message) => messages.push(Buffer.from(message).toString()));
  await server.stop();
  await eventually('the bus noticing', () => bus.check().then(() => Promise.reject(new Error('still well')), ignore));
  bus.publish(mailbox, Buffer.from('lost'));
  const late: string[] = [];
  const lateMailbox = 'late' as MailboxId;
  await bus.subscribe(lateMailbox, (message) => late.push(Buffer.from(message).toString()));
  await server.start();
  await eventually('a message', async () => {
    bus.publish(mailbox, Buffer.from('after'));
    bus.publish(lateMailbox, Buffer.from('after'));
    await bus.check();
    if (!messages.includes('after') || !late.includes('after')) throw new Error('nothing yet');
  });
  expect(gaps).toBeGreaterThan(0);
  expect(messages).not.toContain('lost');
  await bus.close();
  await server.remove();
});

test('Redis falls silent: nothing waits for it, and when it speaks again the bus goes on', async () => {
  const server = await startRedis();
  const bus = await openRedisBus(server.url, ignore);
  server.freeze();
  await expect(bus.check()).rejects.toThrow();
  server.thaw();
  const messages: string[] = [];
  await bus.subscribe('patient' as MailboxId, (message) => messages.push(Buffer.from(message).toString()));
  await eventually('a message', async () => {
    bus.publish('patient' as MailboxId, Buffer.from('after'));
    await bus.check();
    if (!messages.includes('after')) throw new Error('nothing yet');
  });
  await bus.close();
  await server.remove();
}, 30_000);

test('a cluster with a password', async () => {
  const locked = await startRedisCluster();
  const url = await locked.lock('a p@ssword/');
  const bus = await openRedisBus(url, ignore);
  const messages: string[] = [];
  for (const name of ['one', 'two', 'three'])
    await bus.subscribe(name as MailboxId, (message) => messages.push(Buffer.from(message).toString()));
  await eventually('a message of each', async () => {
    for (const name of ['one', 'two', 'three']) bus.publish(name as MailboxId, Buffer.from(name));
    await bus.check();
    if (new Set(messages).size < 3) throw new Error('not yet');
  });
  await bus.close();
  await locked.remove();
}, 60_000);
