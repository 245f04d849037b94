/**
 * `pnpm sim --seed N --worlds M`: lives M worlds, the first one of seed N. A world in which something happened that must never
 * happen is printed with its seed and the end of its trace; the same seed lives the same world again.
 *
 *     --trace       prints every event of one world, and lives it in this process
 *     --processes   worlds that live at the same time (2)
 *     --minutes     ends after this time, however many worlds are left
 *     --rollback    relay, profile or none, whatever the seed says
 *     --devices     devices of a user at most (3)
 *     --brief       one line for each failed world
 *     --tail        lines of a failed world's trace (20)
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { liveInFleet } from './src/fleet.js';
import type { Rollback, Wish } from './src/plan.js';
import { brief, describe, Summary } from './src/summary.js';
import { runWorld } from './src/world.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    worlds: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '600' },
    rollback: { type: 'string' },
    devices: { type: 'string', default: '3' },
    tail: { type: 'string', default: '20' },
    trace: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
  },
});

const wish: Wish = {
  devices: Number(values.devices),
  ...(values.rollback !== undefined && { rollback: values.rollback as Rollback }),
};
const summary = new Summary();
const started = performance.now();
const seconds = (): number => (performance.now() - started) / 1000;

if (values.trace) {
  const report = await runWorld(Number(values.seed), { ...wish, wholeTrace: true });
  console.log(report.lines.join('\n'));
  for (const { rule, detail } of report.violations) console.log(`${rule}: ${detail}`);
  console.log(`trace ${report.trace}`);
  summary.add(report);
} else {
  const first = Number(values.seed);
  const end = first + Number(values.worlds);
  let seed = first;
  await liveInFleet({
    program: fileURLToPath(new URL('./src/worker.ts', import.meta.url)),
    size: Math.min(Number(values.processes), end - first),
    next: () => (seed < end && seconds() < Number(values.minutes) * 60 ? seed++ : null),
    done: (report) => {
      summary.add(report);
      if (report.violations.length > 0)
        console.log(values.brief ? brief(report) : describe(report, Number(values.tail)));
      if (summary.worlds % 100 === 0) console.log(`${summary.worlds} worlds, ${seconds().toFixed(0)} s`);
    },
    gone: (broken, why) => {
      summary.gone(broken);
      console.log(`GONE seed ${broken}: the process that lived it ended (${why})`);
    },
    wish,
  });
}
console.log(`${summary.toString()}\n${seconds().toFixed(1)} s`);
process.exitCode = summary.failedSeeds.length === 0 ? 0 : 1;
