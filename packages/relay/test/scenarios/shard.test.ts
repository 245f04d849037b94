import type { Envelope } from '@sotto/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import { mailboxId } from '../../src/mailbox/mailbox-id.js';
import { connect, messageTo, newUser, type TestDevice, type TestSocket } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startRedisCluster, type RedisCluster } from '../support/redis.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

/** Two nodes on PostgreSQL and a Redis Cluster of three shards. */
let postgres: PostgresServer;
let cluster: RedisCluster;
let north: Relay;
let south: Relay;

beforeAll(async () => {
  [postgres, cluster] = await Promise.all([startPostgres({ fsync: false }), startRedisCluster()]);
  const config = { databaseUrl: await postgres.newDatabase(), redisUrl: cluster.url };
  [north, south] = [await testRelay(config), await testRelay(config)];
});
afterAll(async () => {
  await Promise.all([north.close(), south.close()]);
  await Promise.all([postgres.remove(), cluster.remove()]);
});

const DEAD = 1;
let count = 0;

/** A user whose mailbox rings over this shard. */
async function userOn(shard: number): Promise<TestDevice> {
  for (;;) {
    const device = await newUser(north.url, `user-${++count}`);
    if ((await cluster.shardOf(`sotto:${mailboxId(device.app, device)}`)) === shard) return device;
  }
}

interface Receiver {
  device: TestDevice;
  socket: TestSocket;
  shard: number;
}

async function receiverOn(shard: number): Promise<Receiver> {
  const device = await userOn(shard);
  const socket = await connect(device, { url: south.url });
  // Else a fast machine would fill the window.
  socket.socket.on('deliver', ({ envelopes }: { envelopes: Envelope[] }) => {
    const last = envelopes.at(-1);
    if (last) socket.socket.emit('ack', { seq: last.seq, id: Buffer.from(last.id) }, () => undefined);
  });
  await socket.next('drained');
  return { device, socket, shard };
}

const receivers = (shards: readonly number[]) => Promise.all(shards.map(receiverOn));

/** Sends one message after the other to all of them, until it is told to stop. */
class Load {
  readonly #socket: TestSocket;
  readonly #to: Receiver[];
  readonly sent: string[] = [];
  #isStopped = false;

  constructor(socket: TestSocket, to: Receiver[]) {
    this.#socket = socket;
    this.#to = to;
  }

  add(...receivers: Receiver[]): void {
    this.#to.push(...receivers);
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      for (const { device } of [...this.#to]) {
        const message = messageTo(device);
        expect(await this.#socket.submit(message)).toMatchObject({ ok: true, outcomes: ['stored'] });
        this.sent.push(`${device.name} ${hex(message.id)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const heard = ({ device, socket }: Receiver) => socket.envelopes.map(({ id }) => `${device.name} ${hex(id)}`);

/** So many more than now. */
const more = ({ socket }: Receiver, envelopes: number) => socket.delivered(socket.envelopes.length + envelopes);

test('a shard dies under load: users of the others go on at once, those of the dead one when it is back; nothing is lost', async () => {
  const alice = await connect(await newUser(north.url, 'alice'), { url: north.url });
  const people = await receivers([0, DEAD, 2, 0, DEAD, 2]);
  const load = new Load(alice, people);
  const sending = load.run();
  await Promise.all(people.map((each) => more(each, 3)));
  const alive = people.filter(({ shard }) => shard !== DEAD);

  await cluster.servers[DEAD]?.stop();
  await Promise.all(alive.map((each) => more(each, 5)));
  await cluster.failing();
  // Rings for the dead shard are lost; whoever connects now is let in, and reads what is stored.
  const late = await receivers([0, DEAD, 2]);
  load.add(...late);
  await Promise.all([...alive, ...late.filter(({ shard }) => shard !== DEAD)].map((each) => more(each, 5)));

  // Nobody writes any more when it comes back: only the gap can tell.
  load.stop();
  await sending;
  await cluster.servers[DEAD]?.start();
  const everybody = [...people, ...late];
  await eventually('everything arriving', () => {
    const missing = new Set(load.sent);
    for (const each of everybody.flatMap(heard)) missing.delete(each);
    return missing.size === 0 ? Promise.resolve() : Promise.reject(new Error(`${missing.size} are missing`));
  });
  // And from then on as ever, those who came meanwhile included.
  for (const { device, socket } of everybody) {
    const next = messageTo(device);
    await alice.submit(next);
    await socket.until(() => socket.envelopes.some(({ id }) => hex(id) === hex(next.id)), 'the next message');
    expect(socket.envelopes.map(({ seq }) => seq)).toEqual(socket.envelopes.map((_, at) => at + 1));
  }
}, 120_000);
