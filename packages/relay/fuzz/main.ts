/**
 * `pnpm fuzz:relay`: hostile input through every door of a relay, while two people talk. A seed replays.
 *
 *     --inputs 100000   --seed N
 */
import { parseArgs } from 'node:util';

import { runFuzz } from './run.js';

/** One fault of the relay yields many complaints. */
const MAX_SHOWN = 30;

const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '100000' }, seed: { type: 'string' } },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);

process.stdout.write(`seed ${seed}\n`);
const report = await runFuzz({
  inputs: Number(values.inputs),
  seed,
  onProgress: (thrown) => process.stderr.write(`\r${thrown}`),
});
const shown = { ...report, complaints: report.complaints.slice(0, MAX_SHOWN) };
process.stdout.write(`${JSON.stringify(shown, null, 2)}\n${report.complaints.length} complaints\n`);
process.exit(report.complaints.length === 0 ? 0 : 1);
