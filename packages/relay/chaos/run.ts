import { createHash } from 'node:crypto';

import { newUser, type TestDevice } from '../test/support/device.js';
import { eventually } from '../test/support/servers.js';
import { checkHistory } from './checker.js';
import { Receiver, Sender, type Surroundings } from './clients.js';
import { deploy, strike } from './faults.js';
import type { Observation } from './history.js';
import { makePlan, type Fault, type Step } from './plan.js';
import { Pauses, type Pause } from '../test/support/pauses.js';
import { ROOT } from '../test/support/process.js';
import { World, type Node } from './world.js';

const NODES = 2;

/** A lost ring is found by the nodes' own poll, 15 s later at most; a machine under load takes its time. */
const QUIESCENCE_MS = 90_000;

export interface ChaosReport {
  seed: number;
  faults: Record<string, number>;
  /** Submits that were acknowledged, and the longest time in which none was. */
  acknowledged: number;
  longestStandstillMs: number;
  /** A standstill during one of them is not the relay's doing. */
  pauses: Pause[];
  /** Answers of each node. */
  answeredBy: number[];
  delivered: number;
  repeated: number;
  /** Left in the mailbox of the device that never acknowledges. */
  held: number;
  violations: string[];
}

interface ChaosOptions {
  seed: number;
  faults: number;
  pairs: number;
  /** Only faults of this kind. */
  only?: Fault | undefined;
  /**
   * Root of an older checkout. All nodes begin with it; all but the first are replaced by this one before the first fault,
   * and the first after the last.
   */
  older?: string | undefined;
  /** Hears of each step before it happens. */
  onStep?: (step: Step, index: number) => void;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Two relays on PostgreSQL and Redis under load, one fault after another, and a check of everything that clients saw.
 * Each sender writes to a recipient of its own and to one that all share; one recipient never acknowledges.
 */
export async function runChaos({ seed, faults, pairs, only, older, onStep }: ChaosOptions): Promise<ChaosReport> {
  const pauses = new Pauses();
  const world = await World.create(NODES, older);
  try {
    const history: Observation[] = [];
    const clock = new StandstillClock();
    const note = (observation: Observation) => {
      history.push(observation);
      if (observation.kind === 'answered') clock.beat();
    };
    const nodes = world.nodes.map(({ front }) => `http://127.0.0.1:${front.port}`);
    const { senders, receivers, silent } = await people(pairs, { nodes, note });
    for (const receiver of receivers) void receiver.run();
    const sending = senders.map((sender) => sender.run());

    const rollOut = async (outdated: readonly Node[]) => {
      if (older !== undefined) for (const node of outdated) await deploy(node, { world, note }, ROOT);
    };
    await rollOut(world.nodes.slice(1));
    const answers = () =>
      nodes.map((_, node) => senders.reduce((sum, sender) => sum + (sender.answeredBy[node] ?? 0), 0));
    const plan = makePlan(seed, faults, NODES, only && [only]);
    clock.beat();
    for (const [index, step] of plan.entries()) {
      onStep?.(step, index);
      await strike(step, { world, senders, receivers, note });
      await pause(step.restMs);
    }
    // Whoever is refused by one node goes to the other, so nothing else would tell.
    for (const [node, count] of answers().entries())
      if (count === 0) note({ kind: 'anomaly', what: `node ${node} has answered nobody` });
    await rollOut(world.nodes.slice(0, 1));
    for (const sender of senders) sender.isStopped = true;
    await Promise.all(sending);
    await quiescence(
      history,
      receivers.filter((receiver) => receiver !== silent),
    );
    for (const receiver of receivers) receiver.stop();
    for (const envelope of await world.held(silent.device)) note(asHeld(silent.name, envelope));
    return {
      ...report(seed, plan, history),
      longestStandstillMs: clock.longestMs,
      pauses: pauses.end(),
      answeredBy: answers(),
    };
  } finally {
    await world.remove();
  }
}

async function people(pairs: number, surroundings: Surroundings) {
  const url = surroundings.nodes[0] ?? '';
  const [shared, silentDevice] = [await newUser(url, 'carol'), await newUser(url, 'dave')];
  const silent = new Receiver(silentDevice, surroundings, { isSilent: true });
  const receivers = [new Receiver(shared, surroundings), silent];
  const senders: Sender[] = [];
  for (let index = 0; index < pairs; index++) {
    const [alice, bob] = [await newUser(url, `alice-${index}`), await newUser(url, `bob-${index}`)];
    const recipients: TestDevice[] = index === 0 ? [bob, shared, silentDevice] : [bob, shared];
    senders.push(new Sender(alice, recipients, surroundings));
    receivers.push(new Receiver(bob, surroundings));
  }
  return { senders, receivers, silent };
}

/** Waits until what was acknowledged has arrived, or patience ends: then the checker says what is missing. */
async function quiescence(history: readonly Observation[], receivers: readonly Receiver[]): Promise<void> {
  const isComplete = async () => {
    const awaited = new Map(receivers.map((receiver) => [receiver.name, receiver.received]));
    for (const each of history) {
      if (each.kind !== 'answered') continue;
      for (const name of Object.keys(each.outcomes))
        if (awaited.get(name)?.has(each.message) === false) throw new Error(`${each.message} is under way`);
    }
  };
  await eventually('everything arriving', isComplete, QUIESCENCE_MS).catch(() => undefined);
}

function asHeld(recipient: string, { seq, id, payload }: { seq: number; id: Buffer; payload: Buffer }): Observation {
  const content = createHash('sha256').update(payload).digest('base64');
  return { kind: 'held', recipient, seq, message: id.toString('hex'), content };
}

function report(
  seed: number,
  plan: Step[],
  history: Observation[],
): Omit<ChaosReport, 'longestStandstillMs' | 'pauses' | 'answeredBy'> {
  const faults: Record<string, number> = {};
  for (const { fault } of plan) faults[fault] = (faults[fault] ?? 0) + 1;
  const answers = history.filter(({ kind }) => kind === 'answered');
  const acknowledged = new Set(answers.map((each) => (each.kind === 'answered' ? each.message : ''))).size;
  return {
    seed,
    faults,
    acknowledged,
    delivered: history.filter(({ kind }) => kind === 'delivered').length,
    repeated: answers.length - acknowledged,
    held: history.filter(({ kind }) => kind === 'held').length,
    violations: checkHistory(history),
  };
}

/** The longest time between two beats, milliseconds. */
class StandstillClock {
  longestMs = 0;
  #last = performance.now();

  beat(): void {
    const now = performance.now();
    this.longestMs = Math.round(Math.max(this.longestMs, now - this.#last));
    this.#last = now;
  }
}
