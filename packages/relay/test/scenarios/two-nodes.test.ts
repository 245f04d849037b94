import { ROUTES, type Envelope } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import { auth, connect, http, messageTo, newUser, preKeysBody, random, type TestSocket } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { testRelay } from '../support/relay.js';

let postgres: PostgresServer;
let redis: RedisServer;
let north: Relay;
let south: Relay;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const config = { databaseUrl: await postgres.newDatabase(), redisUrl: redis.url };
  // Together: they also migrate at the same time.
  [north, south] = await Promise.all([testRelay(config), testRelay(config)]);
});

afterAll(async () => {
  await Promise.all([north.close(), south.close()]);
  await Promise.all([postgres.remove(), redis.remove()]);
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Acknowledges everything as it comes, as a client does. */
function acknowledge(socket: TestSocket): void {
  socket.socket.on('deliver', ({ envelopes }: { envelopes: Envelope[] }) => {
    const last = envelopes.at(-1);
    if (last) void socket.ack(last);
  });
}

test('Alice on one node, Bob on the other: both directions, at once', async () => {
  const [alice, bob] = [await newUser(north.url, 'alice'), await newUser(south.url, 'bob')];
  const [aliceSocket, bobSocket] = await Promise.all([connect(alice), connect(bob)]);
  await Promise.all([aliceSocket.next('drained'), bobSocket.next('drained')]);
  expect(await aliceSocket.submit(messageTo(bob))).toMatchObject({ ok: true });
  await bobSocket.delivered(1);
  expect(await bobSocket.submit(messageTo(alice))).toMatchObject({ ok: true });
  await aliceSocket.delivered(1);
});

test('six writers on two nodes, each moving to and fro and repeating what it sent: gapless, in order, once', async () => {
  const bob = await newUser(north.url, 'busy-bob');
  const bobSocket = await connect(bob, { url: south.url });
  await bobSocket.next('drained');
  acknowledge(bobSocket);
  const sent: string[] = [];
  const outcomes: string[] = [];

  async function write(index: number): Promise<void> {
    const writer = await newUser(north.url, `writer-${index}`);
    for (let round = 0; round < 6; round++) {
      const messages = Array.from({ length: 15 }, () => messageTo(bob, { payload: random(100) }));
      sent.push(...messages.map(({ id }) => hex(id)));
      for (const turn of [0, 1]) {
        const { url } = (index + round + turn) % 2 === 0 ? north : south;
        const socket = await connect(writer, { url, epoch: 2 * round + turn + 1 });
        const replies = await Promise.all(messages.map((message) => socket.submit(message)));
        for (const reply of replies) outcomes.push(...(reply.ok ? reply.outcomes : [reply.error.code]));
        socket.close();
      }
    }
  }

  await Promise.all([0, 1, 2, 3, 4, 5].map(write));
  const received = await bobSocket.delivered(540);
  expect(received.map(({ seq }) => seq)).toEqual(Array.from({ length: 540 }, (_, index) => index + 1));
  expect(received.map(({ id }) => hex(id)).sort()).toEqual(sent.sort());
  expect(outcomes.filter((each) => each === 'stored')).toHaveLength(540);
  expect(outcomes.filter((each) => each === 'duplicate')).toHaveLength(540);
});

test('a device that moves to the other node supersedes its old socket; a lower epoch does not', async () => {
  const bob = await newUser(north.url, 'mover');
  const first = await connect(bob, { url: north.url, epoch: 2 });
  await first.next('drained');
  const second = await connect(bob, { url: south.url, epoch: 3 });
  expect(await first.next('bye')).toMatchObject({ code: 'superseded' });
  await second.next('drained');
  const late = await connect(bob, { url: north.url, epoch: 1 });
  expect(await late.next('bye')).toMatchObject({ code: 'superseded' });
  expect(second.socket.connected).toBe(true);
});

test('what a device has sealed is counted wherever it submits', async () => {
  const [alice, bob] = [await newUser(north.url, 'counted-alice'), await newUser(south.url, 'counted-bob')];
  for (const [epoch, { url }, sealing, known] of [
    [1, north, 2, 0],
    [2, south, 3, 2],
    [3, north, 1, 3],
  ] as const) {
    const socket = await connect(alice, { url, epoch, sealings: 3 });
    expect(await socket.welcome()).toMatchObject({ verdict: 'ok', sealings: known });
    expect(await socket.submit(messageTo(bob, { sealing }))).toMatchObject({ ok: true });
    socket.close();
  }
  const restored = await connect(alice, { url: south.url, epoch: 4, sealings: 2 });
  expect(await restored.welcome()).toMatchObject({ verdict: 'vault-behind', sealings: 3 });
});

test('a device removed through one node is told on the other', async () => {
  const bob = await newUser(north.url, 'leaver');
  const socket = await connect(bob, { url: south.url });
  await socket.next('drained');
  expect((await http(north.url, ROUTES.removeSelf, auth(bob))).status).toBe(200);
  expect(await socket.next('bye')).toMatchObject({ code: 'device-gone' });
});

test('fifty parallel fetchers on two nodes never get the same one-time prekey', async () => {
  const alice = await newUser(north.url, 'popular');
  await http(north.url, ROUTES.putPreKeys, { ...auth(alice), body: preKeysBody(40, 40) });
  const bobs = await Promise.all(Array.from({ length: 5 }, (_, index) => newUser(north.url, `fetcher-${index}`)));
  const path = ROUTES.bundles.path.replace(':user', alice.user);
  const answers = await Promise.all(
    bobs.flatMap((bob) =>
      Array.from({ length: 10 }, (_, index) =>
        http(
          index % 2 === 0 ? north.url : south.url,
          { method: 'POST', path },
          { ...auth(bob), body: { devices: [1] } },
        ),
      ),
    ),
  );
  const bundles = answers.map(
    ({ body }) =>
      (body as { bundles: { oneTimePreKey: { id: number } | null; kemPreKey: { id: number } }[] }).bundles[0],
  );
  const oneTime = bundles.flatMap((bundle) => bundle?.oneTimePreKey?.id ?? []);
  const kem = bundles.map((bundle) => bundle?.kemPreKey.id).filter((id) => id !== 1);
  expect(oneTime).toHaveLength(40);
  for (const ids of [oneTime, kem]) expect(new Set(ids).size).toBe(ids.length);
});

describe('when something goes away', () => {
  test('a ring that Redis lost is found in the mailbox', async () => {
    const [alice, bob] = [await newUser(north.url, 'lost-alice'), await newUser(north.url, 'lost-bob')];
    const [aliceSocket, bobSocket] = await Promise.all([connect(alice), connect(bob, { url: south.url })]);
    await bobSocket.next('drained');
    await redis.stop();
    expect(await aliceSocket.submit(messageTo(bob))).toMatchObject({ ok: true, outcomes: ['stored'] });
    await redis.start();
    // The subscription's reconnect announces the gap; the node then reads the heads of its mailboxes.
    await bobSocket.delivered(1);
  });

  test('PostgreSQL crashes: submits hear "unavailable", nothing acknowledged is lost, service comes back', async () => {
    const [alice, bob] = [await newUser(north.url, 'crash-alice'), await newUser(north.url, 'crash-bob')];
    const [aliceSocket, bobSocket] = await Promise.all([connect(alice), connect(bob, { url: south.url })]);
    await bobSocket.next('drained');
    const stored: string[] = [];
    const message = () => messageTo(bob, { payload: random(50) });
    let current = message();
    let crashed: Promise<void> | null = null;
    for (let round = 0; stored.length < 60; round++) {
      if (round === 20) crashed = postgres.stop('immediate').then(() => postgres.start());
      const reply = await aliceSocket.submit(current);
      if (reply.ok) {
        expect(['stored', 'duplicate']).toContain(reply.outcomes[0]);
        stored.push(hex(current.id));
        current = message();
      } else {
        // The same bytes again: what was stored before the answer was lost is a duplicate then.
        expect(reply.error.code).toBe('unavailable');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    await crashed;
    await south.core.heal();
    const received = await bobSocket.delivered(60);
    expect(received.map(({ id }) => hex(id))).toEqual(stored);
    expect(received.map(({ seq }) => seq)).toEqual(stored.map((_, index) => index + 1));
  });
});
