import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { CACHE, readJson, workspaces } from './repository.js';
import { run } from './run.js';

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What we read of vitest's JSON report. */
interface Report {
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

interface Project {
  name: string;
  folder: string;
  config: string;
}

/** Every `vitest*.config.ts` of the workspace is a project; those with real browsers and servers come last. */
function projects(): Project[] {
  const all = workspaces().flatMap(({ folder, path }) =>
    readdirSync(path)
      .filter((file) => /^vitest.*\.config\.ts$/.test(file))
      .map((config) => ({
        name: `${folder}${config.slice('vitest'.length, -'.config.ts'.length)}`,
        folder: path,
        config,
      })),
  );
  return all.sort((a, b) => Number(a.name.startsWith('e2e')) - Number(b.name.startsWith('e2e')));
}

/**
 * Runs all tests of the workspace, project after project in processes of their own, so that a crash in one cannot hide
 * the others, and prints a table.
 */
export async function runTests(env: Record<string, string>): Promise<TestCounts> {
  const total: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  const rows: string[] = [];
  for (const project of projects()) {
    console.log(`\n== tests of ${project.name}`);
    const started = performance.now();
    const counts = await runProject(project, env);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    rows.push(row(project.name, counts, performance.now() - started));
  }
  console.log(`\n${rows.join('\n')}`);
  return total;
}

function row(name: string, { passed, failed, skipped }: TestCounts, milliseconds: number): string {
  const cells = [name.padEnd(24), String(passed).padStart(6), 'passed', String(failed).padStart(4), 'failed'];
  if (skipped > 0) cells.push(String(skipped), 'skipped');
  return [...cells, `${(milliseconds / 1000).toFixed(1).padStart(8)} s`].join(' ');
}

async function runProject({ name, folder, config }: Project, env: Record<string, string>): Promise<TestCounts> {
  const report = join(CACHE, 'tests', `${name.replaceAll('/', '-')}.json`);
  mkdirSync(join(CACHE, 'tests'), { recursive: true });
  rmSync(report, { force: true });
  const { code } = await run(
    'vitest',
    [
      'run',
      '--root',
      folder,
      '--config',
      join(folder, config),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { env },
  );
  return count(existsSync(report) ? (readJson(report) as Report) : null, code);
}

/** A file that failed to load has no tests, and a crash may fail none: each still counts as one failure. */
function count(report: Report | null, code: number): TestCounts {
  const files = report?.testResults ?? [];
  const statuses = files.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const passed = statuses.filter((status) => status === 'passed').length;
  const unloaded = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
  const failed = statuses.filter((status) => status === 'failed').length + unloaded;
  const skipped = statuses.length - passed - statuses.filter((status) => status === 'failed').length;
  return { passed, skipped, failed: code !== 0 && failed === 0 ? 1 : failed };
}
