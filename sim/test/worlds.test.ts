import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { liveInFleet } from '../src/fleet.js';
import { describe, Summary } from '../src/summary.js';

/** All of them are lived, however long that takes: on two quiet cores about a minute and a half. */
const WORLDS = 200;

/** Only ends what never comes: a busy machine lives slowly. */
const LIMIT_MS = 20 * 60_000;

const WORKER = fileURLToPath(new URL('../src/worker.ts', import.meta.url));

test(
  'in no world is anything lost, doubled, out of order, unreadable or falsely claimed',
  async () => {
    const summary = new Summary();
    let seed = 1;
    await liveInFleet({
      program: WORKER,
      size: 2,
      next: () => (seed <= WORLDS ? seed++ : null),
      done: (report) => summary.add(report),
    });
    console.log(summary.toString());
    expect(summary.failed.map((report) => describe(report, 20)).join('\n')).toBe('');
    expect(summary.worlds).toBe(WORLDS);
  },
  LIMIT_MS,
);

test('a seed lives the same world again, whatever was lived before it', async () => {
  const traces: string[] = [];
  const waiting = [4, 14, 32, 14, 4, 32];
  await liveInFleet({
    program: WORKER,
    size: 1,
    next: () => waiting.shift() ?? null,
    done: ({ trace }) => traces.push(trace),
  });
  expect(traces.slice(3)).toEqual([traces[1], traces[0], traces[2]]);
  expect(new Set(traces).size).toBe(3);
});
