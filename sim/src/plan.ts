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

/**
 * What of a profile is put back. A browser's is put back whole; a bot's folder has a file for the vault and one for the history,
 * and a backup of files may bring back one of them alone, or both from different nights.
 */
export type Restored = 'vault' | 'history' | 'whole';

/**
 * What becomes of a device:
 *
 * - `stays`
 * - `removed`: another one takes it off the list, and it wipes itself
 * - `relinked`: the same, and then it joins again, in the same browser
 * - `lost`: it never opens again, and stays on the list
 * - `disowned`: lost, and then taken off the list
 * - `away`: it is closed, and opens again when the others have long been quiet
 */
export type Fate = 'stays' | 'removed' | 'relinked' | 'lost' | 'disowned' | 'away';

export interface DevicePlan {
  readonly name: string;
  readonly user: string;
  readonly tabs: number;
  /** When it joins, as a part of the active time; 0: it is the user's first. */
  readonly joins: number;
  readonly fate: Fate;
  /** When its fate begins, as a part of the active time. */
  readonly fateAt: number;
}

/** A world, drawn from its seed. */
export interface Plan {
  readonly seed: number;
  readonly users: readonly string[];
  readonly devices: readonly DevicePlan[];
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
  /** Where the relay is put back: to before devices were linked or removed, if any were. */
  readonly behindDevices: boolean;
  /** Where a profile is put back. */
  readonly restored: Restored;
}

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];

/** What is not left to the seed. */
export interface Wish {
  readonly rollback?: Rollback;
  /** Devices that a user has at most. */
  readonly devices?: number;
}

export function planOf(seed: number, random: Random, { rollback, devices = 3 }: Wish): Plan {
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
    devices: users.flatMap((user) => devicesOf(user, random.fork(user), devices)),
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
    // From streams of their own: seeds that are older than these choices live the worlds that they lived before them.
    behindDevices: random.fork('behind').chance(0.5),
    restored: random.fork('restores').weighted<Restored>([
      [35, 'vault'],
      [45, 'whole'],
      [20, 'history'],
    ]),
  };
}

/** One of a user's devices stays, whatever happens to the others. */
function devicesOf(user: string, random: Random, most: number): DevicePlan[] {
  const wanted = random.weighted([
    [55, 1],
    [30, 2],
    [15, 3],
  ]);
  const count = Math.min(wanted, most);
  const keeper = random.int(0, count - 1);
  return Array.from({ length: count }, (_, index) => {
    const joins = index === 0 ? 0 : random.between(0.05, 0.8);
    const tabs = random.weighted([
      [5, 1],
      [3, 2],
      [1, 3],
      [1, 4],
    ]);
    const fate: Fate = random.weighted([
      [55, 'stays'],
      [12, 'away'],
      [11, 'removed'],
      [8, 'relinked'],
      [7, 'lost'],
      [7, 'disowned'],
    ]);
    return {
      name: `${user}${index + 1}`,
      user,
      tabs,
      joins,
      fate: index === keeper && fate !== 'away' ? 'stays' : fate,
      fateAt: random.between(joins, 1),
    };
  });
}
