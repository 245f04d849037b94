import { newUser } from '../test/support/device.js';
import { startPostgres } from '../test/support/postgres.js';
import { startRelayProcess } from '../test/support/process.js';
import { startRedis } from '../test/support/redis.js';
import { eventually } from '../test/support/servers.js';
import { Receiver, Sender } from './clients.js';

export interface ChaosReport {
  seed: number;
  faults: Record<string, number>;
  acknowledged: number;
  received: number;
  /** What must never happen, in words; empty when all is well. */
  violations: string[];
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Mulberry32: a small seeded generator; the same seed yields the same faults in the same order. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Two relays on PostgreSQL (fsync on) and Redis, pairs of clients under load, and one fault after another. Then checks
 * the history: every message that was acknowledged to its sender arrived, in the order of its sender, once, without a gap.
 */
export async function runChaos(options: { seed: number; faults: number; pairs: number }): Promise<ChaosReport> {
  const random = seeded(options.seed);
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const environment = { DATABASE_URL: await postgres.newDatabase(), REDIS_URL: redis.url };
  const nodes = await Promise.all([startRelayProcess(environment), startRelayProcess(environment)]);
  const urls = nodes.map(({ url }) => url);
  try {
    const pairs = await Promise.all(Array.from({ length: options.pairs }, (_, index) => newPair(index)));
    const running = pairs.map(({ run }) => run());
    const clients = pairs.flatMap(({ sender, receiver }) => [sender, receiver]);
    const oneOf = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;

    const faults: [string, () => Promise<void>][] = [
      [
        'relay killed',
        async () => {
          const node = oneOf(nodes);
          await node.kill();
          await node.start();
        },
      ],
      [
        'relay deployed',
        async () => {
          const node = oneOf(nodes);
          await node.stop();
          await node.start();
        },
      ],
      [
        'PostgreSQL crashed',
        async () => {
          await postgres.stop('immediate');
          await postgres.start();
        },
      ],
      [
        'Redis killed',
        async () => {
          await redis.stop();
          await pause(random() * 500);
          await redis.start();
        },
      ],
      [
        'sockets cut',
        () => {
          for (let count = 0; count < 5; count++) oneOf(clients).cut();
          return Promise.resolve();
        },
      ],
    ];
    const count: Record<string, number> = {};
    for (let done = 0; done < options.faults; done++) {
      // Every kind comes up in turn, so that a short run has them all.
      const [name, strike] = done < faults.length ? (faults[done] ?? oneOf(faults)) : oneOf(faults);
      await strike();
      count[name] = (count[name] ?? 0) + 1;
      await pause(200 + random() * 600);
    }
    for (const { sender } of pairs) sender.stopped = true;
    await Promise.all(running);
    const violations = await Promise.all(pairs.map((pair) => pair.check()));
    return {
      seed: options.seed,
      faults: count,
      acknowledged: pairs.reduce((total, { sender }) => total + sender.acknowledged.length, 0),
      received: pairs.reduce((total, { receiver }) => total + receiver.received.length, 0),
      violations: violations.flat(),
    };
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    await Promise.all([postgres.remove(), redis.remove()]);
  }

  async function newPair(index: number) {
    const url = urls[index % 2] ?? '';
    const [alice, bob] = [await newUser(url, `alice-${index}`), await newUser(url, `bob-${index}`)];
    const [sender, receiver] = [new Sender(alice, urls, random), new Receiver(bob, urls, random)];
    return {
      sender,
      receiver,
      run: async () => {
        void receiver.run();
        await sender.run(bob);
      },
      check: () => check(index, sender, receiver),
    };
  }
}

/** Patience ends late: a lost ring is found by the nodes' own poll. */
async function check(index: number, sender: Sender, receiver: Receiver): Promise<string[]> {
  const { acknowledged } = sender;
  const isComplete = () =>
    receiver.received.length >= acknowledged.length ? Promise.resolve(true) : Promise.reject(new Error('not yet'));
  const complete = await eventually('everything arriving', isComplete, 60_000).catch(() => false);
  receiver.stop();
  const { received, violations } = receiver;
  const found = violations.map((violation) => `pair ${index}: ${violation}`);
  if (!complete) found.push(`pair ${index}: ${acknowledged.length - received.length} acknowledged messages are lost`);
  if (new Set(received).size !== received.length) found.push(`pair ${index}: something arrived twice`);
  if (received.some((id, at) => id !== acknowledged[at])) found.push(`pair ${index}: not in the order of the sender`);
  return found;
}
