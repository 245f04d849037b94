import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's top folder. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Where scripts keep what they make; ignored by git. */
export const CACHE = join(ROOT, '.cache');

export interface Manifest {
  name: string;
  version: string;
  private?: boolean;
  scripts?: Record<string, string>;
}

export interface Workspace {
  /** Folder relative to the repository's top, such as `packages/sdk`. */
  folder: string;
  path: string;
  manifest: Manifest;
}

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Every package of the workspace, in the order of the folders' names. */
export function workspaces(): Workspace[] {
  const folders = ['packages', 'examples', 'e2e', 'sim'].flatMap((parent) => [parent, ...subfolders(parent)]);
  return folders
    .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
    .map((folder) => ({
      folder,
      path: join(ROOT, folder),
      manifest: readJson(join(ROOT, folder, 'package.json')) as Manifest,
    }));
}

function subfolders(parent: string): string[] {
  return readdirSync(join(ROOT, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`)
    .sort();
}

/** The packages that are published. */
export function publicPackages(): Workspace[] {
  return workspaces().filter(({ manifest }) => manifest.private !== true);
}
