import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { publicPackages } from '../lib/repository.js';
import { pnpm, run } from '../lib/run.js';

/** Packs every public package as for publishing, and checks the tarballs with publint and "are the types wrong". */
export async function checkPacked(): Promise<boolean> {
  let good = true;
  for (const { path, manifest } of publicPackages()) {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-pack-'));
    try {
      good = (await checkOne(path, folder, manifest.name)) && good;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return good;
}

async function checkOne(path: string, folder: string, name: string): Promise<boolean> {
  const packed = await pnpm(['pack', '--pack-destination', folder], { cwd: path, quiet: true });
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  if (packed.code !== 0 || tarball === undefined) {
    console.error(`${name} cannot be packed:\n${packed.output}`);
    return false;
  }
  const file = join(folder, tarball);
  const checks = [
    await run('publint', ['run', file, '--strict'], { quiet: true }),
    await run('attw', [file, '--profile', 'esm-only', '--format', 'ascii'], { quiet: true }),
  ];
  const failed = checks.filter(({ code }) => code !== 0);
  for (const { output } of failed) console.error(`${name}:\n${output}`);
  if (failed.length === 0) console.log(`${name}: publint and attw content`);
  return failed.length === 0;
}
