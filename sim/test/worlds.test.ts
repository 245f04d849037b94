import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { liveInFleet } from '../src/fleet.js';
import { describe, Summary } from '../src/summary.js';

/** Groups of worlds, and the time after which a group begins no further one: a busy machine lives fewer. */
const GROUPS = 8;
const WORLDS = 30;
const GROUP_MS = 9_000;

const WORKER = fileURLToPath(new URL('../src/worker.ts', import.meta.url));

async function live(seeds: readonly number[], processes = 2, ms = Infinity): Promise<Summary> {
  const summary = new Summary();
  const started = performance.now();
  const waiting = [...seeds];
  const next = (): number | null => (performance.now() - started < ms ? (waiting.shift() ?? null) : null);
  await liveInFleet(WORKER, processes, next, (report) => summary.add(report));
  return summary;
}

test.each(Array.from({ length: GROUPS }, (_, group) => 1 + group * 1_000))(
  'nothing is lost, doubled, out of order, unreadable or falsely claimed in the worlds from seed %i on',
  async (first) => {
    const seeds = Array.from({ length: WORLDS }, (_, index) => first + index);
    const summary = await live(seeds, 2, GROUP_MS);
    console.log(summary.toString());
    expect(summary.failed.map((report) => describe(report, 20)).join('\n')).toBe('');
    expect(summary.worlds).toBeGreaterThan(0);
  },
);

test('a seed lives the same world again, whatever was lived before it', async () => {
  const traces: string[] = [];
  const waiting = [4, 14, 32, 14, 4, 32];
  await liveInFleet(
    WORKER,
    1,
    () => waiting.shift() ?? null,
    ({ trace }) => traces.push(trace),
  );
  expect(traces.slice(3)).toEqual([traces[1], traces[0], traces[2]]);
  expect(new Set(traces).size).toBe(3);
});
