import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { TEST_APP } from './device.js';
import { end, eventually, freePort } from './servers.js';

const AMPLE = { points: 1_000_000_000, seconds: 60 };
const LIMITS = Object.fromEntries(
  [
    'envelopesPerDevice',
    'envelopesPerUser',
    'envelopesPerAddress',
    'envelopesPerApp',
    'requestsPerAddress',
    'registrationsPerAddress',
    'connectionsPerAddress',
    'connectionsPerUser',
    'connectionsPerDevice',
    'connectionsPerApp',
  ].map((name) => [name, AMPLE]),
);

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const SOURCES = ['--conditions=@sotto/source', '--import', 'tsx', MAIN];

export interface RelayProcess {
  url: string;
  readonly pid: number;
  /** SIGTERM and SIGKILL; resolves when the process is gone. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/**
 * A relay in a process of its own, as an operator runs it, with limits that no test reaches.
 *
 * @param command arguments of Node; by default they run the sources
 */
export async function startRelayProcess(
  environment: Record<string, string>,
  command: readonly string[] = SOURCES,
): Promise<RelayProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const launch = () =>
    spawn(process.execPath, command, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        NODE_ENV: 'test',
        LOG_LEVEL: 'silent',
        ...environment,
        PORT: String(port),
        HOST: '127.0.0.1',
        SOTTO_APPS: JSON.stringify([TEST_APP]),
        SOTTO_LIMITS: JSON.stringify(LIMITS),
      },
    });
  const ready = () =>
    eventually(
      'the relay',
      async () => {
        if (!(await fetch(`${url}/readyz`)).ok) throw new Error('not ready');
      },
      60_000,
    );
  let child: ChildProcess = launch();
  await ready();
  return {
    url,
    get pid() {
      return child.pid ?? 0;
    },
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
    async start() {
      child = launch();
      await ready();
    },
  };
}
