import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';

import { ConfigError } from '../config/config-error.js';

/**
 * Takes a data folder for this process alone: PGlite itself would let two processes ruin it. The lock is a socket in the
 * folder on which its owner listens: the system hangs up for a process that dies, however it dies, and unlike a process id
 * that holds between containers too, where every relay is process 1.
 *
 * @returns what gives it back
 */
export async function lockDataFolder(folder: string): Promise<() => Promise<void>> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { address, forget } = addressIn(folder);
  try {
    const lock = (await listen(address)) ?? (await takeOver(folder, address));
    return () =>
      new Promise<void>((done) => {
        lock.close(() => {
          forget();
          done();
        });
      });
  } catch (error) {
    forget();
    throw error;
  }
}

/** What a dead owner left is moved away first: of two that find it at once, one moves the other's living lock, and sees that. */
async function takeOver(folder: string, address: string): Promise<Server> {
  const busy = new ConfigError(`Another relay works in ${folder}: stop it, or choose another --data folder.`);
  if (await isAlive(address)) throw busy;
  const left = `${address}.${process.pid}`;
  try {
    renameSync(address, left);
  } catch {
    throw busy;
  }
  if (await isAlive(left)) {
    renameSync(left, address);
    throw busy;
  }
  rmSync(left, { force: true });
  const lock = await listen(address);
  if (!lock) throw busy;
  return lock;
}

/** Null when something is there already. */
function listen(address: string): Promise<Server | null> {
  return new Promise((done, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') done(null);
      else reject(new ConfigError(`The data folder cannot be locked (${error.code ?? error.message}).`));
    });
    server.listen(address, () => {
      server.unref();
      done(server);
    });
  });
}

function isAlive(address: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => {
      done(false);
    });
  });
}

/**
 * Where the socket lies. Its path may have about a hundred characters, so on Linux it is named by way of the open folder,
 * which stays open as long as the lock is held.
 */
function addressIn(folder: string): { address: string; forget: () => void } {
  if (process.platform === 'linux') {
    const descriptor = openSync(folder, 'r');
    return {
      address: `/proc/self/fd/${descriptor}/relay.lock`,
      forget: () => {
        closeSync(descriptor);
      },
    };
  }
  const name = createHash('sha256').update(resolve(folder).toLowerCase()).digest('hex');
  const address = process.platform === 'win32' ? `\\\\.\\pipe\\sotto-${name}` : join(folder, 'relay.lock');
  return { address, forget: () => undefined };
}
