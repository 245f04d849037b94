import { afterAll, beforeAll, expect, test } from 'vitest';

import { connect, newUser, random, type TestSocket } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startRelayProcess, type RelayProcess } from '../support/process.js';
import { startRedis, type RedisServer } from '../support/redis.js';

let postgres: PostgresServer;
let redis: RedisServer;
let north: RelayProcess;
let south: RelayProcess;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const environment = { DATABASE_URL: await postgres.newDatabase(), REDIS_URL: redis.url };
  [north, south] = await Promise.all([startRelayProcess(environment), startRelayProcess(environment)]);
}, 60_000);

afterAll(async () => {
  await Promise.all([north.kill(), south.stop()]);
  await Promise.all([postgres.remove(), redis.remove()]);
});

const texts = (socket: TestSocket) => socket.all('topic').map(({ payload }) => Buffer.from(payload).toString());

test('a node is killed: the topic goes on at the other, and whoever was on it rejoins there and hears again', async () => {
  const users = [await newUser(north.url, 'alice'), await newUser(north.url, 'bob'), await newUser(north.url, 'carol')];
  const [alice, bob, carol] = users as [(typeof users)[0], (typeof users)[0], (typeof users)[0]];
  const topic = Buffer.from(random(32));
  const join = (socket: TestSocket) => socket.send('join', { topic, tag: Buffer.from(random(16)) });
  const publish = (socket: TestSocket, text: string) => socket.send('publish', { topic, payload: Buffer.from(text) });
  const [one, two] = [await connect(alice, { url: south.url }), await connect(bob, { url: south.url })];
  const three = await connect(carol, { url: north.url });
  for (const socket of [one, two, three]) expect(await join(socket)).toEqual({ ok: true });
  await publish(three, 'from the north');
  await Promise.all([one.next('topic'), two.next('topic')]);

  await north.kill();
  await three.until(() => !three.socket.connected, 'the end of the socket');
  expect(await publish(one, 'without the north')).toEqual({ ok: true });
  await two.next('topic', 2);

  const back = await connect(carol, { url: south.url, epoch: 2 });
  expect(await join(back)).toEqual({ ok: true });
  await publish(one, 'welcome back');
  await back.next('topic');
  await publish(back, 'hello again');
  await Promise.all([one.next('topic', 2), two.next('topic', 4)]);
  expect([texts(one), texts(two), texts(back)]).toEqual([
    ['from the north', 'hello again'],
    ['from the north', 'without the north', 'welcome back', 'hello again'],
    ['welcome back'],
  ]);
});
