/**
 * `pnpm sim:mutants`: puts known classes of bug back, one after the other, each in a copy of this repository, and lives worlds
 * until some show it. Prints the first seed that shows it to the checks at each commit, the first that shows it to people, and
 * how long that took.
 *
 *     --worlds    tried at most (1000)
 *     --only      names of mutants, separated by commas
 */
import { parseArgs } from 'node:util';

import { liveInFleet } from '../src/fleet.js';
import { seenByPeople } from '../src/checks/rules.js';
import { MUTANTS, type Mutant } from './mutants.js';
import { Scratch } from './scratch.js';

const { values } = parseArgs({
  options: { worlds: { type: 'string', default: '1000' }, only: { type: 'string' } },
});
const only = values.only?.split(',');

interface Finding {
  readonly seed: number;
  readonly rules: readonly string[];
  readonly seconds: number;
}

async function hunt(
  mutant: Mutant,
  worlds: number,
): Promise<{ first: Finding | null; shown: Finding | null; lived: number }> {
  const scratch = new Scratch(mutant);
  const started = performance.now();
  let seed = 1;
  let lived = 0;
  let first: Finding | null = null;
  let shown: Finding | null = null;
  try {
    await liveInFleet({
      program: scratch.path('sim/src/worker.ts'),
      size: 2,
      next: () => (shown || seed > worlds ? null : seed++),
      done: ({ plan, violations }) => {
        lived++;
        const rules = [...new Set(violations.map(({ rule }) => rule))];
        const finding: Finding = { seed: plan.seed, rules, seconds: (performance.now() - started) / 1000 };
        if (rules.length > 0) first ??= finding;
        if (rules.some(seenByPeople)) shown ??= { ...finding, rules: rules.filter(seenByPeople) };
      },
    });
  } finally {
    scratch.remove();
  }
  return { first, shown, lived };
}

const words = (finding: Finding | null): string =>
  finding ? `seed ${finding.seed}, ${finding.seconds.toFixed(1)} s: ${finding.rules.join(', ')}` : 'not found';

let missed = 0;
for (const mutant of MUTANTS.filter(({ name }) => !only || only.includes(name))) {
  const { first, shown, lived } = await hunt(mutant, Number(values.worlds));
  if (!first) missed++;
  console.log(`${mutant.name} (${mutant.breaks})`);
  console.log(`  at a commit   ${words(first)}`);
  console.log(`  to people     ${words(shown)}`);
  console.log(`  after ${lived} worlds`);
}
process.exitCode = missed === 0 ? 0 : 1;
