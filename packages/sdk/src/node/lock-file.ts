import { readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { SottoError } from '../errors.js';

/** What this process itself holds. */
const held = new Set<string>();

/**
 * Takes something for this process alone, by a file with its process id. The lock of a process that is dead is taken over, also
 * when its id is this one's: in a container the process before was number 1 as well.
 *
 * @returns what gives it back
 * @throws SottoError `storage-in-use`
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  if (!(await tryLock(path))) {
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    const isOwn = owner === process.pid;
    if (isOwn ? held.has(resolve(path)) : isAlive(owner)) throw new SottoError('storage-in-use', `process ${owner}`);
    await rm(path, { force: true });
    if (!(await tryLock(path))) throw new SottoError('storage-in-use');
  }
  held.add(resolve(path));
  return async () => {
    held.delete(resolve(path));
    await rm(path, { force: true });
  };
}

async function tryLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives too.
    return codeOf(error) === 'EPERM';
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
