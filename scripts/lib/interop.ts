import { join } from 'node:path';

import { ROOT } from './repository.js';
import { pnpm } from './run.js';

/**
 * Installs the peers of the interop tests: official libraries of several versions, AGPL and half a gigabyte. They are a
 * workspace of their own, so that nobody who only starts the demo downloads them.
 */
export async function installInterop(): Promise<boolean> {
  const { code, output } = await pnpm(['install', '--frozen-lockfile'], {
    cwd: join(ROOT, 'e2e/interop'),
    quiet: true,
  });
  if (code !== 0) console.error(output);
  return code === 0;
}

if (process.argv[1]?.endsWith('interop.ts') === true) process.exitCode = (await installInterop()) ? 0 : 1;
