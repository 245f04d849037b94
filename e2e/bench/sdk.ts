/**
 * The client's speed in Chromium against a local relay on PGlite. Prints a table and writes JSON. The browser, the relay and
 * this program share the machine: figures of one run compare with each other, not with those of another day.
 *
 *   pnpm bench:sdk [--only send,open,scroll,backlog,leader,opens] [--messages N] [--opens N] [--trace]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { ROOT } from '../../scripts/lib/repository.js';
import { backlog, leaderKilled, openAndClose, openLong, scrollBack, sendToDom, type Figure } from './sdk/figures.js';
import { Stage } from './sdk/stage.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    messages: { type: 'string', default: '200' },
    opens: { type: 'string', default: '1000' },
    trace: { type: 'boolean', default: false },
  },
});

const benches: Record<string, { goal: string; run: (stage: Stage) => Promise<Figure> }> = {
  send: {
    goal: 'ms: p50 15, p95 40',
    run: async (stage) => {
      const { figure, lines } = await sendToDom(stage, Number(values.messages), values.trace);
      for (const line of lines) console.log(line);
      return figure;
    },
  },
  open: { goal: 'ms: 300', run: (stage) => openLong(stage, 7) },
  scroll: { goal: '60 frames per second, heap 150 MB', run: (stage) => scrollBack(stage, 60, 1_500) },
  backlog: { goal: '20 s, no long task over 50 ms', run: (stage) => backlog(stage, 200, 50) },
  leader: { goal: 'ms: 1,000', run: (stage) => leaderKilled(stage, 5) },
  opens: { goal: 'no growth', run: (stage) => openAndClose(stage, Number(values.opens)) },
};

const only = values.only?.split(',');
const results: Record<string, Figure> = {};
for (const [name, { goal, run }] of Object.entries(benches)) {
  if (only && !only.includes(name)) continue;
  // A stage for each: what one leaves behind does not weigh on the next.
  const stage = await Stage.set();
  try {
    const figure = await run(stage);
    results[name] = figure;
    const shown = Object.entries(figure).map(([key, value]) => [key, Number(value.toFixed(1))]);
    console.log(`${name} (goal: ${goal})`);
    console.table(Object.fromEntries(shown));
  } finally {
    await stage.end();
  }
}
const folder = join(ROOT, 'bench-results');
mkdirSync(folder, { recursive: true });
const file = join(folder, 'sdk.json');
const about = { at: new Date().toISOString(), node: process.version, cpus: cpus().length };
writeFileSync(file, `${JSON.stringify({ ...about, results }, null, 2)}\n`);
console.log(file);
