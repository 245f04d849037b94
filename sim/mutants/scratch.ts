import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Mutant } from './mutants.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** What the simulation runs: sources and the links between the packages. */
const PARTS = ['packages/protocol', 'packages/crypto', 'packages/sdk', 'packages/relay', 'sim'];

/** A copy of the repository's sources with a mutant in it, in the system's folder for temporary files. */
export class Scratch {
  readonly #root = mkdtempSync(join(tmpdir(), 'sotto-mutant-'));

  constructor(mutant: Mutant) {
    // As git sees them, with what is not committed yet.
    const files = execFileSync(
      'git',
      ['ls-files', '--cached', '--others', '--exclude-standard', ...PARTS, 'tsconfig.base.json'],
      {
        cwd: ROOT,
        encoding: 'utf8',
      },
    );
    for (const file of files.split('\n').filter((name) => name !== '' && existsSync(join(ROOT, name))))
      cpSync(join(ROOT, file), join(this.#root, file));
    symlinkSync(join(ROOT, 'node_modules'), join(this.#root, 'node_modules'));
    // Links to other packages are relative: in the copy they lead to the copy.
    for (const part of PARTS) {
      const modules = join(ROOT, part, 'node_modules');
      if (existsSync(modules))
        cpSync(modules, join(this.#root, part, 'node_modules'), { recursive: true, verbatimSymlinks: true });
    }
    for (const { file, find, replace } of mutant.edits) this.#edit(mutant.name, file, find, replace);
  }

  path(file: string): string {
    return join(this.#root, file);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #edit(name: string, file: string, find: string, replace: string): void {
    const text = readFileSync(this.path(file), 'utf8');
    if (text.split(find).length !== 2) throw new Error(`mutant ${name}: "${find}" is not in ${file} exactly once`);
    writeFileSync(
      this.path(file),
      text.replace(find, () => replace),
    );
  }
}
