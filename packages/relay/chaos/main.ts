/**
 * `pnpm --filter @sotto/relay chaos`: two relays under load, faults, and a history checker. A seed that finds something
 * is printed; run it again with `--seed`.
 *
 *     --faults 200   --pairs 10   --seed N
 */
import { parseArgs } from 'node:util';

import { runChaos } from './run.js';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '200' },
    pairs: { type: 'string', default: '10' },
    seed: { type: 'string' },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);

process.stdout.write(`seed ${seed}\n`);
const report = await runChaos({ seed, faults: Number(values.faults), pairs: Number(values.pairs) });
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exit(report.violations.length === 0 ? 0 : 1);
