/**
 * The gate. Every step runs, also after a failed one; what failed is said again at the end.
 *
 *   verify                 everything
 *   verify lint types ...  only these steps
 */
import { checkDocs } from './checks/docs.js';
import { checkLicences } from './checks/licences.js';
import { checkPacked } from './checks/packed.js';
import { checkSize } from './checks/size.js';
import { checkTypes } from './checks/types.js';
import { installInterop } from './lib/interop.js';
import { pnpm, run } from './lib/run.js';
import { runTests, type TestCounts } from './lib/vitest.js';

const succeeds = async (command: Promise<{ code: number }>) => (await command).code === 0;

const STEPS: Record<string, () => Promise<boolean>> = {
  interop: installInterop,
  format: () => succeeds(run('prettier', ['--check', '--log-level', 'warn', '.'])),
  lint: () => succeeds(run('eslint', ['.', '--quiet'])),
  types: checkTypes,
  docs: checkDocs,
  unused: () => succeeds(run('knip', ['--no-progress'])),
  build: () => succeeds(pnpm(['-r', '--workspace-concurrency', '1', 'run', 'build'])),
  packages: checkPacked,
  licences: checkLicences,
  size: () => checkSize(),
};

/**
 * Runs the named steps, or all.
 *
 * @param names of the steps; `tests` are the last
 * @param env for the tests
 * @returns true if all are content
 */
export async function verify(names: string[], env: Record<string, string> = {}): Promise<boolean> {
  const unknown = names.filter((name) => name !== 'tests' && !(name in STEPS));
  if (unknown.length > 0)
    throw new Error(`No such step: ${unknown.join(', ')}. There are ${Object.keys(STEPS).join(', ')}, tests.`);
  // The interop peers are what types, lint and tests of e2e/interop stand on.
  const wanted = (name: string) => names.length === 0 || names.includes(name) || name === 'interop';
  const failed: string[] = [];
  for (const [name, step] of Object.entries(STEPS).filter(([name]) => wanted(name))) {
    const started = performance.now();
    console.log(`\n== ${name}`);
    const good = await step().catch(report);
    console.log(`== ${name}: ${good ? 'good' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    if (!good) failed.push(name);
  }
  if (!wanted('tests')) return summary(failed, null);
  return summary(failed, await runTests(env));
}

function report(error: unknown): false {
  console.error(error);
  return false;
}

/** The last line counts real tests; a failed step of the gate counts as a failed one, so that the line never looks well when it is not. */
function summary(failed: string[], counts: TestCounts | null): boolean {
  if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`);
  if (counts !== null) {
    if (counts.skipped > 0) console.log(`\n${counts.skipped} tests did not run`);
    console.log(`\n${counts.passed} passed, ${counts.failed + failed.length} failed`);
  }
  return failed.length === 0 && (counts?.failed ?? 0) === 0;
}

if (process.argv[1]?.endsWith('verify.ts') === true) process.exitCode = (await verify(process.argv.slice(2))) ? 0 : 1;
