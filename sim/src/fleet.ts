import { fork, type ChildProcess } from 'node:child_process';

import type { Wish } from './plan.js';
import type { WorldReport } from './world.js';

/** Sources as they are, whoever the parent is: node, or a test runner with loaders of its own. */
const EXEC_ARGV = ['--conditions=@sotto/source', '--import', 'tsx'];

/** What a child process is told. */
export interface Order {
  readonly seed: number;
  readonly wish: Wish;
}

/**
 * Lives worlds in child processes, one at a time in each.
 *
 * @param next the next seed, or null when there is nothing more to do
 * @param program the module that answers seeds with reports (`worker.ts`)
 */
export async function liveInFleet(
  program: string,
  size: number,
  next: () => number | null,
  done: (report: WorldReport) => void,
  wish: Wish = {},
): Promise<void> {
  const child = (): Promise<void> => liveInChild(fork(program, { execArgv: EXEC_ARGV }), next, done, wish);
  await Promise.all(Array.from({ length: size }, child));
}

function liveInChild(
  child: ChildProcess,
  next: () => number | null,
  done: (report: WorldReport) => void,
  wish: Wish,
): Promise<void> {
  let living: number | null = null;
  return new Promise((resolve, reject) => {
    const give = (): void => {
      living = next();
      if (living === null) child.disconnect();
      else child.send({ seed: living, wish } satisfies Order);
    };
    child.on('message', (report) => {
      done(report as WorldReport);
      give();
    });
    child.on('exit', () => {
      if (living === null) resolve();
      else reject(new Error(`the process that lived the world of seed ${living} is gone`));
    });
    give();
  });
}
