import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ROOT } from '../test/support/process.js';
import { run } from '../test/support/servers.js';

export interface Checkout {
  readonly root: string;
  remove(): void;
}

/** This repository as it was at a commit, with what its relay needs installed, in a temporary folder. */
export async function checkOut(commit: string): Promise<Checkout> {
  const root = mkdtempSync(join(tmpdir(), 'sotto-checkout-'));
  const remove = () => {
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const archive = join(root, 'archive.tar');
    await run('git', ['-C', ROOT, 'archive', '--output', archive, commit]);
    await run('tar', ['-C', root, '-xf', archive]);
    const needed = ['--filter', 'sotto-workspace', '--filter', '@sotto/relay...'];
    await run('npx', ['-y', 'pnpm@12', '-C', root, 'install', '--frozen-lockfile', ...needed]);
    return { root, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
