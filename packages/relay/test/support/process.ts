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
const TSX = ['--conditions=@sotto/source', '--import', 'tsx'];
const SOURCES = [...TSX, MAIN];

export interface RelayProcess {
  url: string;
  readonly port: number;
  readonly pid: number;
  /** SIGTERM; resolves to the exit code when the process is gone, null when a signal ended it. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT: what a suspended machine does to its processes. */
  freeze(): void;
  thaw(): void;
  /** Its wall clock is so far from the real one from now on, milliseconds; only with `jumpingClock`. */
  setClock(offset: number): void;
}

interface ProcessOptions {
  /** Arguments of Node; by default they run the sources. */
  command?: readonly string[];
  jumpingClock?: boolean;
}

/** A relay in a process of its own, as an operator runs it, with limits that no test reaches. */
export async function startRelayProcess(
  environment: Record<string, string>,
  { command = SOURCES, jumpingClock = false }: ProcessOptions = {},
): Promise<RelayProcess> {
  const port = await freePort();
  const clock = jumpingClock ? [...TSX, '--import', new URL('jumping-clock.ts', import.meta.url).href] : [];
  const url = `http://127.0.0.1:${port}`;
  const launch = () =>
    spawn(process.execPath, [...clock, ...command], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
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
    port,
    get pid() {
      return child.pid ?? 0;
    },
    async stop() {
      await end(child, 'SIGTERM');
      return child.exitCode;
    },
    kill: () => end(child, 'SIGKILL'),
    async start() {
      child = launch();
      await ready();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    setClock: (clockOffset) => void child.send({ clockOffset }),
  };
}
