/**
 * `pnpm sim --seed N --worlds M`: lives M worlds, the first one of seed N. A world in which something happened that must never
 * happen is printed with its seed and the end of its trace; the same seed lives the same world again.
 *
 *     --trace     prints every event (for one world)
 */
import { parseArgs } from 'node:util';

import { runWorld } from './src/world.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    worlds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
for (let seed = first; seed < first + Number(values.worlds); seed++) {
  const started = performance.now();
  const report = await runWorld(seed, { wholeTrace: values.trace });
  if (values.trace) console.log(report.lines.join('\n'));
  console.log(seed, report.trace, report.events, `${report.virtualMs} virtual ms`, `${Math.round(performance.now() - started)} ms`, JSON.stringify(report.outcome), JSON.stringify(report.faults), report.plan.rollback);
  for (const { rule, detail } of report.violations) console.log(`   ${rule}: ${detail}`);
}
