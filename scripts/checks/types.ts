import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, workspaces } from '../lib/repository.js';
import { run } from '../lib/run.js';

/** Type-checks the root's own files and every package that has a `tsconfig.json`, one after the other. */
export async function checkTypes(): Promise<boolean> {
  const folders = ['.', ...workspaces().map(({ folder }) => folder)];
  let good = true;
  for (const folder of folders.filter((name) => existsSync(join(ROOT, name, 'tsconfig.json')))) {
    const { code, output } = await run('tsc', ['-p', folder], { quiet: true });
    if (code !== 0) console.error(`types of ${folder}:\n${output}`);
    good &&= code === 0;
  }
  return good;
}
