import type { Random } from './core/random.js';

/** What may go wrong. Each world has some of them, so that they meet in many mixtures. */
export const FAULTS = [
  'tab-crash',
  'browser-crash',
  'tab-close',
  'tab-freeze',
  'two-engines',
  'network-cut',
  'socket-cut',
  'half-open',
  'lossy-network',
  'slow-network',
  'node-crash',
  'store-failing',
  'bus-losing',
  'clock-jump',
  'disk-failing',
] as const;
export type Fault = (typeof FAULTS)[number];

/** One side is put back to an older state once: such worlds have expectations of their own. */
export type Rollback = 'none' | 'relay' | 'profile';

/** A world, drawn from its seed. */
export interface Plan {
  readonly seed: number;
  readonly users: readonly string[];
  readonly tabs: readonly number[];
  readonly nodes: number;
  readonly quota: number;
  readonly tokenMs: number;
  readonly messages: number;
  /** Milliseconds in which people write and things go wrong. */
  readonly activeMs: number;
  readonly faults: readonly Fault[];
  /** Faults of the chosen kinds. */
  readonly faultCount: number;
  readonly rollback: Rollback;
}

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];

/** What is not left to the seed. */
export interface Wish {
  readonly rollback?: Rollback;
}

export function planOf(seed: number, random: Random, { rollback }: Wish): Plan {
  const count = random.weighted([
    [60, 2],
    [25, 3],
    [8, 4],
    [4, 5],
    [3, 6],
  ]);
  const users = NAMES.slice(0, count);
  const likelihood = random.pick([0, 0.15, 0.3, 0.6]);
  const faults = FAULTS.filter(() => random.chance(likelihood));
  const activeMs = random.pick([5_000, 20_000, 60_000, 120_000]);
  return {
    seed,
    users,
    tabs: users.map(() =>
      random.weighted([
        [5, 1],
        [3, 2],
        [1, 3],
        [1, 4],
      ]),
    ),
    nodes: random.int(1, 2),
    quota: random.chance(0.15) ? random.int(10, 60) : 5_000,
    tokenMs: random.chance(0.2) ? 60_000 : 3_600_000,
    messages: random.int(2, 12) * (count - 1),
    activeMs,
    faults,
    faultCount: faults.length === 0 ? 0 : random.int(1, 12),
    rollback:
      rollback ??
      random.weighted<Rollback>([
        [92, 'none'],
        [5, 'relay'],
        [3, 'profile'],
      ]),
  };
}
