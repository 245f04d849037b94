/**
 * `pnpm chaos:relay`: two relays under load, faults, and a history checker. A seed that finds something is printed; run
 * it again with `--seed`.
 *
 *     --faults 200   --pairs 6   --seed N   --only "clock jumped"
 */
import { parseArgs } from 'node:util';

import { FAULTS } from './plan.js';
import { runChaos } from './run.js';

/** One fault of the relay breaks many promises. */
const MAX_SHOWN = 30;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '200' },
    pairs: { type: 'string', default: '6' },
    seed: { type: 'string' },
    only: { type: 'string' },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);

process.stdout.write(`seed ${seed}\n`);
const report = await runChaos({
  seed,
  faults: Number(values.faults),
  pairs: Number(values.pairs),
  only: FAULTS.find((fault) => fault === values.only),
  onStep: ({ fault, node, holdMs, restMs, value }, index) => {
    process.stdout.write(
      `${index + 1} ${fault} node=${node} hold=${holdMs} rest=${restMs} value=${value.toFixed(3)}\n`,
    );
  },
});
const shown = { ...report, violations: report.violations.slice(0, MAX_SHOWN) };
process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
process.stdout.write(`${report.violations.length} violations\n`);
process.exit(report.violations.length === 0 ? 0 : 1);
