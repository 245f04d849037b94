import { randomUUID } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { SottoError } from '../errors.js';

/** What this process itself holds or asks for. */
const own = new Set<string>();

/** How long who comes first waits for those that come at the same moment to give way, and how often it looks. */
const GIVE_WAY_MS = 1_000;
const LOOK_EVERY_MS = 20;

/**
 * Takes something for this process alone. Each process that wants it puts a file of its own beside the others', and has it if it
 * then sees no other's: of two, the one that came later sees the earlier, so never both have it, whatever is left over from whom.
 * The file of a process that is dead counts for nothing, also when its id is this one's: in a container the process before was
 * number 1 as well.
 *
 * @returns what gives it back
 * @throws SottoError `storage-in-use`
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const mine = `${basename(path)}.${process.pid}.${randomUUID()}`;
  const file = join(dirname(path), mine);
  const unlock = async (): Promise<void> => {
    await rm(file, { force: true });
    own.delete(mine);
  };
  own.add(mine);
  try {
    await writeFile(file, '', { flag: 'wx', mode: 0o600 });
    for (let waited = 0; ; waited += LOOK_EVERY_MS) {
      const [first, ...others] = (await contenders(path)).sort();
      if (first === mine && others.length === 0) return unlock;
      // Those that came at the same moment give way to one of them; one that does not has had it before.
      if (first !== mine || waited >= GIVE_WAY_MS) throw new SottoError('storage-in-use');
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** The files of the living; those of the dead are removed. */
async function contenders(path: string): Promise<string[]> {
  const [folder, prefix] = [dirname(path), `${basename(path)}.`];
  const files = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  const dead = files.filter((name) => !isAlive(name, Number(name.slice(prefix.length).split('.')[0])));
  for (const name of dead) await rm(join(folder, name), { force: true });
  return files.filter((name) => !dead.includes(name));
}

function isAlive(name: string, pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return own.has(name);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
