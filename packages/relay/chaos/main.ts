/**
 * `pnpm chaos:relay`: two relays under load, faults, and a history checker. A seed that finds something is printed; run
 * it again with `--seed`.
 *
 *     --faults 200   --pairs 6   --seed N   --only "clock jumped"   --beside COMMIT
 *
 * `--beside`: a deploy that takes as long as the run. It begins with two relays as they were at that commit; one of them is
 * replaced by the present sources before the first fault, the other after the last.
 */
import { checkOut } from './checkout.js';
import { parseOptions } from './options.js';
import { runChaos } from './run.js';

/** One fault of the relay breaks many promises. */
const MAX_SHOWN = 30;

const { beside, ...options } = parseOptions(process.argv.slice(2));

process.stdout.write(`seed ${options.seed}\n`);
const older = beside === undefined ? undefined : await checkOut(beside);
const report = await runChaos({
  ...options,
  older: older?.root,
  onStep: ({ fault, node, holdMs, restMs, value }, index) => {
    process.stdout.write(
      `${index + 1} ${fault} node=${node} hold=${holdMs} rest=${restMs} value=${value.toFixed(3)}\n`,
    );
  },
}).finally(() => older?.remove());
const shown = { ...report, violations: report.violations.slice(0, MAX_SHOWN) };
process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
process.stdout.write(`${report.violations.length} violations\n`);
process.exit(report.violations.length === 0 ? 0 : 1);
