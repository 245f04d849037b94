import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { end, eventually, findProgram, freePort, isRunning, postgresFolders, run } from './servers.js';

const MISSING =
  'PostgreSQL is not installed, so this cannot be tested here. Install it: apt-get install postgresql (Debian), or put initdb, postgres and pg_basebackup on PATH.';

/** A recovery brings every file to a disk that others use as well. */
const READY_MS = 180_000;

export interface PostgresServer {
  readonly pid: number;
  readonly port: number;
  /** Of a fresh, empty database; each call makes another one. */
  newDatabase(): Promise<string>;
  /** `immediate` loses everything that was not committed, as a crash does. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  /** Stops it and deletes its folder. */
  remove(): Promise<void>;
}

interface PostgresOptions {
  fsync?: boolean;
  /** URL of a server that runs: this one follows it, and can be promoted. */
  standbyOf?: string;
}

/** A private PostgreSQL on a free port, in a temporary folder; fsync is on unless said otherwise. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { standbyOf } = options;
  const maker = findProgram(standbyOf === undefined ? 'initdb' : 'pg_basebackup', postgresFolders());
  const postgres = findProgram('postgres', postgresFolders());
  if (!maker || !postgres) throw new Error(MISSING);
  const folder = mkdtempSync(join(tmpdir(), 'sotto-postgres-'));
  const isRoot = userInfo().uid === 0;
  if (isRoot) await run('chown', ['postgres', folder]);
  // PostgreSQL refuses to run as root.
  const asOwner = (program: string, args: string[]): [string, string[]] =>
    isRoot
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]]
      : [program, args];

  const data = join(folder, 'data');
  const how =
    standbyOf === undefined
      ? ['-A', 'trust', '-U', 'sotto', '--no-sync', '-E', 'UTF8', '--locale=C']
      : ['-R', '-X', 'stream', '-c', 'fast', '--no-sync', '-d', standbyOf];
  await run(...asOwner(maker, ['-D', data, ...how]));
  const port = await freePort();
  const url = (database: string) => `postgres://sotto@127.0.0.1:${port}/${database}`;
  const fsync = options.fsync === false ? ['-c', 'fsync=off'] : [];
  const launch = () =>
    spawn(
      ...asOwner(postgres, [
        '-D',
        data,
        '-p',
        String(port),
        '-k',
        folder,
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'max_connections=200',
        ...fsync,
      ]),
      {
        stdio: 'ignore',
      },
    );
  let child = launch();
  /** One that ends is not waited for. */
  const ready = async () => {
    const answered = () => query(url('postgres'), 'SELECT 1');
    await eventually('PostgreSQL', () => (isRunning(child) ? answered() : Promise.resolve()), READY_MS);
    if (!isRunning(child)) throw new Error(`PostgreSQL ended with ${child.exitCode ?? child.signalCode}`);
  };
  await ready();
  let count = 0;

  return {
    get pid() {
      return child.pid ?? 0;
    },
    port,
    async newDatabase() {
      const name = `sotto_${++count}`;
      await query(url('postgres'), `CREATE DATABASE ${name}`);
      return url(name);
    },
    stop: (mode = 'fast') => end(child, mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    async start() {
      child = launch();
      await ready();
    },
    async remove() {
      await end(child, 'SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(text).finally(() => client.end());
}
