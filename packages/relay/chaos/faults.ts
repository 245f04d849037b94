import { Redis } from 'ioredis';

import type { Receiver, Sender } from './clients.js';
import type { Note } from './history.js';
import type { Fault, Step } from './plan.js';
import type { Node, World } from './world.js';

const DAY_MS = 86_400_000;

/** How far a clock jumps: an hour, beyond the dedupe window, beyond retention, and to 1970 as a machine without a battery. */
const JUMPS_MS = [-3_600_000, 3_600_000, 3 * DAY_MS, -3 * DAY_MS, 50 * DAY_MS, -50 * DAY_MS, -Date.now()];

/** Long enough for a sweep, before which a node asks for the time. */
const SWEPT_MS = 2_500;

/**
 * How far PostgreSQL's clock jumps: ahead as far as a node's. Back only within the dedupe window: what is stored meanwhile looks
 * as much older when the clock is right again.
 */
const DATABASE_JUMPS_MS = [3_600_000, -3_600_000, 3 * DAY_MS, 50 * DAY_MS, -DAY_MS];

interface Scene {
  world: World;
  senders: readonly Sender[];
  receivers: readonly Receiver[];
  note: Note;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets a fault happen; resolves when its cause is gone. What it left behind is the relay's business. */
export async function strike(step: Step, scene: Scene): Promise<void> {
  const node = scene.world.nodes[step.node];
  if (node) await STRIKES[step.fault](step, node, scene);
}

/** Replaces a node, by one that runs these sources if some are named. */
export async function deploy(node: Node, { world, note }: Pick<Scene, 'world' | 'note'>, root?: string): Promise<void> {
  const code = await world.deploy(node, root);
  if (code !== 0) note({ kind: 'anomaly', what: `a relay that was told to go ended with ${code}` });
}

const STRIKES: Record<Fault, (step: Step, node: Node, scene: Scene) => Promise<void>> = {
  async 'relay killed'({ holdMs }, node) {
    await node.process.kill();
    await pause(holdMs / 2);
    await node.process.start();
  },

  'relay deployed': (_step, node, scene) => deploy(node, scene),

  async 'relay frozen'({ holdMs }, node) {
    node.process.freeze();
    await pause(holdMs * 2);
    node.process.thaw();
  },

  async 'PostgreSQL crashed'({ holdMs }, _node, { world }) {
    await world.postgres.stop('immediate');
    await pause(holdMs / 2);
    await world.postgres.start();
  },

  async 'PostgreSQL unreachable'({ holdMs, value }, { toDatabase }) {
    // Refused, or worse: silent.
    if (value < 0.5) toDatabase.cut();
    else toDatabase.swallow();
    await pause(holdMs);
    toDatabase.heal();
  },

  async 'disk slow'({ holdMs, value }, _node, { world }) {
    await world.slowFlushes(Math.round(20 + value * 80));
    await pause(holdMs);
    await world.slowFlushes(0);
  },

  async 'disk stalled'({ holdMs }, _node, { world }) {
    await world.stallCommits(true);
    await pause(holdMs);
    await world.stallCommits(false);
  },

  async 'Redis restarted'({ holdMs }, _node, { world }) {
    await world.redis.stop();
    await pause(holdMs);
    await world.redis.start();
  },

  async 'Redis flushed'(_step, _node, { world }) {
    const client = new Redis(world.redis.url);
    client.on('error', () => undefined);
    await client.flushall();
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    client.disconnect();
  },

  async 'Redis partitioned'({ holdMs }, { toRedis }) {
    toRedis.swallow();
    await pause(holdMs * 2);
    toRedis.heal();
  },

  async 'sockets cut'({ value }, _node, { senders, receivers }) {
    const clients = [...senders, ...receivers];
    const first = Math.floor(value * clients.length);
    for (let count = 0; count < clients.length / 2; count++) clients[(first + count) % clients.length]?.cut();
  },

  async 'sockets half-open'({ holdMs }, { front }) {
    front.swallow();
    await pause(holdMs);
    front.heal();
  },

  async 'recipient silent'({ holdMs, value }, _node, { receivers }) {
    const speaking = receivers.filter(({ isSilent }) => !isSilent);
    const receiver = speaking[Math.floor(value * speaking.length)];
    if (!receiver) return;
    receiver.isSilent = true;
    await pause(holdMs * 2);
    receiver.speak();
  },

  async 'clock jumped'({ holdMs, value }, { process }) {
    process.setClock(JUMPS_MS[Math.floor(value * JUMPS_MS.length)] ?? 0);
    await pause(SWEPT_MS + holdMs);
    process.setClock(0);
  },

  async 'PostgreSQL clock jumped'({ holdMs, value }, _node, { world }) {
    await world.setDatabaseClock(DATABASE_JUMPS_MS[Math.floor(value * DATABASE_JUMPS_MS.length)] ?? 0);
    await pause(SWEPT_MS + holdMs);
    await world.setDatabaseClock(0);
    // Else the next fault would meet nodes that still go by the wrong time.
    await pause(SWEPT_MS);
  },
};
