import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { memoryStore, type Relay } from '../../src/index.js';
import { connect, messageTo, newUser, random, type TestDevice, type TestSocket } from '../support/device.js';
import { startRedis, startRedisCluster } from '../support/redis.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

const OK = { ok: true };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const texts = (socket: TestSocket) => socket.all('topic').map(({ payload }) => Buffer.from(payload).toString());

const join = (socket: TestSocket, topic: Uint8Array, tag: Uint8Array, will?: string) =>
  socket.send('join', { topic, tag, ...(will !== undefined && { will: Buffer.from(will) }) });
const publish = (socket: TestSocket, topic: Uint8Array, payload: string) =>
  socket.send('publish', { topic, payload: Buffer.from(payload) });

describe.each([
  ['Redis', startRedis],
  ['Redis Cluster', startRedisCluster],
] as const)('two nodes on %s', (_name, start) => {
  const store = memoryStore();
  let redis: { url: string; remove(): Promise<void> };
  let north: Relay;
  let south: Relay;
  let alice: TestDevice;
  let bob: TestDevice;

  beforeAll(async () => {
    redis = await start();
    [north, south] = (await Promise.all([0, 1].map(() => testRelay({ redisUrl: redis.url }, { store })))) as [
      Relay,
      Relay,
    ];
    [alice, bob] = [await newUser(north.url, 'alice'), await newUser(south.url, 'bob')];
  }, 60_000);

  afterAll(async () => {
    await Promise.all([north.close(), south.close()]);
    await redis.remove();
  });

  test('Alice and Bob see each other come, type and go', async () => {
    const [topic, tags] = [Buffer.from(random(32)), { alice: Buffer.from(random(16)), bob: Buffer.from(random(16)) }];
    const [one, two] = [await connect(alice, { epoch: 10 }), await connect(bob, { epoch: 10 })];
    expect(await join(one, topic, tags.alice)).toEqual(OK);
    expect(await join(two, topic, tags.bob, 'bob is gone')).toEqual(OK);
    expect(hex((await one.next('joined')).tag)).toBe(hex(tags.bob));
    // The hint came after the newcomer's subscription: what answers it arrives.
    expect(await publish(one, topic, 'alice is here')).toEqual(OK);
    await two.next('topic');
    expect(await publish(two, topic, 'bob types')).toEqual(OK);
    await one.next('topic');
    expect([texts(one), texts(two)]).toEqual([['bob types'], ['alice is here']]);

    two.close();
    const { tag, will } = await one.next('left');
    expect([hex(tag), will && Buffer.from(will).toString()]).toEqual([hex(tags.bob), 'bob is gone']);

    const back = await connect(bob, { epoch: 11 });
    await join(back, topic, Buffer.from(random(16)), 'again');
    await one.next('joined', 2);
    expect(await back.send('leave', { topic })).toEqual(OK);
    expect(await one.next('left', 2)).not.toHaveProperty('will');
    for (const socket of [one, back]) socket.close();
  });

  test('fifty topics at once, each heard by its own members only', async () => {
    const [one, two] = [await connect(alice, { epoch: 20 }), await connect(bob, { epoch: 20 })];
    const topics = Array.from({ length: 50 }, () => Buffer.from(random(32)));
    const replies = await Promise.all(
      topics.flatMap((topic) => [join(one, topic, Buffer.from(random(16))), join(two, topic, Buffer.from(random(16)))]),
    );
    expect(replies.every(({ ok }) => ok)).toBe(true);
    await Promise.all(topics.map((topic, index) => publish(one, topic, String(index))));
    await two.next('topic', 50);
    const heard = two.all('topic').map(({ topic, payload }) => `${hex(topic)} ${Buffer.from(payload).toString()}`);
    expect(heard.sort()).toEqual(topics.map((topic, index) => `${hex(topic)} ${index}`).sort());
    expect(texts(one)).toEqual([]);
    for (const socket of [one, two]) socket.close();
  });

  test('a node that goes down in peace carries out the wills of its sockets', async () => {
    const third = await testRelay({ redisUrl: redis.url }, { store });
    const carol = await newUser(north.url, 'carol');
    const topic = Buffer.from(random(32));
    const [one, two] = [await connect(alice, { epoch: 30 }), await connect(carol, { url: third.url })];
    await join(one, topic, Buffer.from(random(16)));
    await join(two, topic, Buffer.from(random(16)), 'carol is gone');
    await one.next('joined');
    await third.close();
    expect(Buffer.from((await one.next('left')).will ?? []).toString()).toBe('carol is gone');
    one.close();
  });
});

describe('one node', () => {
  test('a socket that does not read loses signals, costs no memory, and hears again when it reads', async () => {
    const ample = { points: 1_000_000, seconds: 60 };
    const relay = await testRelay({ limits: { topicSignalsPerDevice: ample, requestsPerUser: ample } });
    const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
    const [one, two] = [await connect(alice), await connect(bob)];
    const topic = Buffer.from(random(32));
    for (const socket of [one, two]) expect(await join(socket, topic, Buffer.from(random(16)))).toEqual(OK);
    const dropped = async () => {
      const text = await (await fetch(`${relay.url}/metrics`)).text();
      return Number(/^sotto_topic_signals_total{outcome="dropped"} (\d+)/m.exec(text)?.[1] ?? 0);
    };
    const resume = pause(two);
    const payload = Buffer.from(random(4096));
    for (let round = 0; round < 100 && (await dropped()) === 0; round++) {
      await Promise.all(Array.from({ length: 200 }, () => one.send('publish', { topic, payload })));
    }
    expect(await dropped()).toBeGreaterThan(0);
    resume();
    // What is stored was not touched by any of this.
    expect(await one.submit(messageTo(bob))).toMatchObject({ ok: true });
    await two.delivered(1);
    await eventually('a signal', async () => {
      await publish(one, topic, 'hello again');
      if (!texts(two).includes('hello again')) throw new Error('not yet');
    });
    await relay.close();
  }, 60_000);

  test('neither topics nor payloads are in Redis’ keys or channel names', async () => {
    const redis = await startRedis();
    const watcher = new Redis(redis.url);
    const lines: string[] = [];
    const relay = await testRelay({ redisUrl: redis.url });
    const commands = await watcher.monitor();
    commands.on('monitor', (_time: string, args: string[]) => lines.push(args.join(' ')));
    const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
    const [one, two] = [await connect(alice), await connect(bob)];
    const topic = Buffer.from('a topic id that is a canary, 32b');
    for (const socket of [one, two]) expect(await join(socket, topic, Buffer.from(random(16)))).toEqual(OK);
    await publish(one, topic, 'hello');
    await two.next('topic');
    await eventually('the traffic', () =>
      lines.some((line) => /^spublish sotto:topic:/i.test(line)) ? Promise.resolve() : Promise.reject(new Error('no')),
    );
    const traffic = lines.join('\n').toLowerCase();
    for (const spelling of ['latin1', 'hex', 'base64', 'base64url'] as const)
      expect(traffic).not.toContain(topic.toString(spelling).slice(0, 20).toLowerCase());
    expect(traffic).not.toContain(`${alice.app}:topic`);
    commands.disconnect();
    watcher.disconnect();
    await relay.close();
    await redis.remove();
  });
});

/** Stops reading from the connection, as a frozen page does. @returns what goes on */
function pause({ socket }: TestSocket): () => void {
  const { ws } = socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } };
  ws.pause();
  return () => {
    ws.resume();
  };
}
