import { fork } from 'node:child_process';

import type { Wish } from './plan.js';
import type { WorldReport } from './world.js';

/** Sources as they are, whoever the parent is: node, or a test runner with loaders of its own. */
const EXEC_ARGV = ['--conditions=@sotto/source', '--import', 'tsx'];

/** What a child process is told. */
export interface Order {
  readonly seed: number;
  readonly wish: Wish;
}

/** What the parent does with what its children tell. */
export interface FleetOptions {
  /** The module that answers seeds with reports (`worker.ts`). */
  readonly program: string;
  readonly size: number;
  /** The next seed, or null when there is nothing more to do. */
  readonly next: () => number | null;
  readonly done: (report: WorldReport) => void;
  readonly wish?: Wish;
  /** Called when a child has ended, or was ended, in the middle of a world: another one goes on. Absent: that is an error. */
  readonly gone?: (seed: number, why: string) => void;
  /** Real milliseconds after which a world counts as endless, if `gone` is there to hear of it. */
  readonly worldMs?: number;
}

/** Lives worlds in child processes, one at a time in each. */
export async function liveInFleet(options: FleetOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.size }, () => liveOneByOne(options)));
}

async function liveOneByOne(options: FleetOptions): Promise<void> {
  for (let broken = await liveInChild(options); broken; broken = await liveInChild(options)) {
    if (!options.gone)
      throw new Error(`the process that lived the world of seed ${broken.seed} is gone: ${broken.why}`);
    options.gone(broken.seed, broken.why);
  }
}

/** @returns the world in which the child has ended; null: there is nothing more to do */
function liveInChild({ program, next, done, wish = {}, gone, worldMs = 600_000 }: FleetOptions) {
  const child = fork(program, { execArgv: EXEC_ARGV });
  let living: number | null = null;
  let limit: NodeJS.Timeout | undefined;
  return new Promise<{ seed: number; why: string } | null>((resolve) => {
    const give = (): void => {
      clearTimeout(limit);
      living = next();
      if (living === null) {
        child.disconnect();
        return;
      }
      child.send({ seed: living, wish } satisfies Order);
      if (gone) limit = setTimeout(() => child.kill('SIGKILL'), worldMs);
    };
    child.on('message', (report) => {
      done(report as WorldReport);
      give();
    });
    child.on('exit', (code, signal) => {
      clearTimeout(limit);
      resolve(living === null ? null : { seed: living, why: signal ?? `exit code ${code}` });
    });
    give();
  });
}
