import { CryptoError } from '../src/index.js';
import { seededNumbers } from '../test/support/random.js';
import { hostile } from './mutate.js';
import { allTargets, type Target } from './targets.js';

export interface FuzzReport {
  readonly inputs: number;
  /** Inputs that were taken without an error, per target. */
  readonly accepted: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  readonly slowest: { readonly target: string; readonly milliseconds: number };
  /** Heap growth between the middle and the end of the run, in bytes; meaningful with --expose-gc. */
  readonly heapGrowth: number;
}

/** An input that got anything but a result or a CryptoError, or that changed a state it should not. */
export class FuzzFailure extends Error {
  constructor(target: string, why: string, bytes: Uint8Array, cause: unknown) {
    super(`${target}: ${why}\ninput: ${Buffer.from(bytes).toString('hex')}`, { cause });
  }
}

/** How often a target's state is compared: writing it out costs more than most inputs. */
const STATE_CHECK_INTERVAL = 500;

function chooser(targets: readonly Target[], next: () => number): () => Target {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  return () => {
    let rest = next() * total;
    for (const target of targets) {
      rest -= target.weight;
      if (rest < 0) return target;
    }
    throw new Error('weights do not add up');
  };
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Feeds `count` hostile inputs, reproducible by `seed`; throws a {@link FuzzFailure} on the first misbehaviour. */
export function fuzz(count: number, seed: number): FuzzReport {
  const next = seededNumbers(seed);
  const targets = allTargets();
  const choose = chooser(targets, next);
  const accepted = new Map<string, number>();
  const refused = new Map<string, number>();
  const states = new Map(targets.map(({ name, state }) => [name, state?.()]));
  let slowest = { target: '', milliseconds: 0 };
  let heapInTheMiddle = 0;
  for (let i = 0; i < count; i++) {
    if (i === Math.floor(count / 2)) heapInTheMiddle = heapUsed();
    const target = choose();
    const bytes = hostile(target.seeds, next);
    const started = performance.now();
    const outcome = attempt(target, bytes) ? accepted : refused;
    const milliseconds = performance.now() - started;
    if (milliseconds > slowest.milliseconds) slowest = { target: target.name, milliseconds };
    outcome.set(target.name, (outcome.get(target.name) ?? 0) + 1);
    if (i % STATE_CHECK_INTERVAL === 0) checkStates(targets, states, bytes);
  }
  checkStates(targets, states, new Uint8Array());
  return { inputs: count, accepted, refused, slowest, heapGrowth: heapUsed() - heapInTheMiddle };
}

/** True when the input was taken, false when it was refused as it should be. */
function attempt(target: Target, bytes: Uint8Array): boolean {
  try {
    target.run(bytes);
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw new FuzzFailure(target.name, 'not a CryptoError', bytes, error);
  }
}

function checkStates(
  targets: readonly Target[],
  before: ReadonlyMap<string, Uint8Array | undefined>,
  last: Uint8Array,
): void {
  for (const { name, state } of targets) {
    const [then, now] = [before.get(name), state?.()];
    if (then !== undefined && now !== undefined && Buffer.compare(then, now) !== 0) {
      throw new FuzzFailure(name, 'its state changed, by this input or one of those before', last, undefined);
    }
  }
}
