import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ConfigError } from '../config/config.js';

/**
 * Takes a data folder for this process alone: PGlite itself would let two processes ruin it. The lock of a process that
 * is dead is taken over.
 *
 * @returns what gives it back
 */
export function lockDataFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'relay.lock');
  if (!tryLock(file)) {
    const owner = Number(readLock(file));
    if (isAlive(owner)) {
      throw new ConfigError(
        `Another relay (process ${owner}) works in ${folder}: stop it, or choose another --data folder.`,
      );
    }
    rmSync(file, { force: true });
    if (!tryLock(file)) throw new ConfigError(`Another relay has just started in ${folder}.`);
  }
  return () => {
    rmSync(file, { force: true });
  };
}

function tryLock(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readLock(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
