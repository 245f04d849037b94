import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { LIMITS } from '../../src/limits/limits.js';
import { TEST_APP } from './device.js';
import { end, eventually, freePort, isRunning } from './servers.js';

const AMPLE = { points: 1_000_000_000, seconds: 60 };
const AMPLE_LIMITS = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, AMPLE]));

/** From sources, on two cores that others use as well. */
const READY_MS = 180_000;

/** Of this checkout. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const TSX = ['--conditions=@sotto/source', '--import', 'tsx'];

export interface RelayProcess {
  url: string;
  readonly port: number;
  readonly pid: number;
  /** SIGTERM; resolves to the exit code when the process is gone, null when a signal ended it. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  readonly isAlive: boolean;
  /** SIGSTOP and SIGCONT: what a suspended machine does to its processes. */
  freeze(): void;
  thaw(): void;
  /** Its wall clock is so far from the real one from now on, milliseconds; only with `jumpingClock`. */
  setClock(offset: number): void;
  /** Bytes in use after a collection of garbage; only with `liveMemory`. Rejects when the process ends before it answers. */
  liveBytes(): Promise<number>;
}

interface ProcessOptions {
  /** Of the checkout whose sources it runs; this one unless given. */
  root?: string;
  /** Arguments of Node, instead of those that run the sources. */
  command?: readonly string[];
  jumpingClock?: boolean;
  liveMemory?: boolean;
  /** Hears what it prints on standard output and standard error. */
  onOutput?: (text: string) => void;
}

const sourcesOf = (root: string) => [...TSX, join(root, 'packages/relay/src/main.ts')];

/** A relay in a process of its own, as an operator runs it, with limits that no test reaches unless it sets its own. */
export async function startRelayProcess(
  environment: Record<string, string>,
  { root = ROOT, command = sourcesOf(root), jumpingClock = false, liveMemory = false, onOutput }: ProcessOptions = {},
): Promise<RelayProcess> {
  const port = await freePort();
  const aids = [...(jumpingClock ? ['jumping-clock.ts'] : []), ...(liveMemory ? ['live-memory.ts'] : [])];
  const preloads = aids.flatMap((file) => ['--import', new URL(file, import.meta.url).href]);
  if (preloads.length > 0) preloads.unshift(...TSX);
  const url = `http://127.0.0.1:${port}`;
  const launch = () => {
    const output = onOutput ? 'pipe' : 'ignore';
    const child = spawn(process.execPath, [...preloads, ...command], {
      cwd: root,
      stdio: ['ignore', output, onOutput ? 'pipe' : 'inherit', 'ipc'],
      env: {
        ...process.env,
        NODE_ENV: 'test',
        LOG_LEVEL: 'silent',
        SOTTO_LIMITS: JSON.stringify(AMPLE_LIMITS),
        ...environment,
        PORT: String(port),
        HOST: '127.0.0.1',
        SOTTO_APPS: JSON.stringify([TEST_APP]),
      },
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => onOutput?.(bytes.toString()));
    return child;
  };
  /** A start that fails is noticed at once, and one on a machine that is busy otherwise is waited for. */
  const ready = async () => {
    const hasEnded = await eventually(
      'the relay',
      async () => {
        if (!isRunning(child)) return true;
        if (!(await fetch(`${url}/readyz`)).ok) throw new Error('not ready');
        return false;
      },
      READY_MS,
    );
    if (hasEnded) throw new Error(`the relay ended with ${child.exitCode ?? child.signalCode} before it was ready`);
  };
  let child: ChildProcess = launch();
  const started = () =>
    ready().catch(async (error: unknown) => {
      await end(child, 'SIGKILL');
      throw error;
    });
  await started();
  return {
    url,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    get isAlive() {
      return isRunning(child);
    },
    async stop() {
      await end(child, 'SIGTERM');
      return child.exitCode;
    },
    kill: () => end(child, 'SIGKILL'),
    async start() {
      child = launch();
      await started();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    setClock: (clockOffset) => void child.send({ clockOffset }),
    liveBytes: () => liveBytesOf(child),
  };
}

let measures = 0;

function liveBytesOf(child: ChildProcess): Promise<number> {
  const asked = ++measures;
  return new Promise((resolve, reject) => {
    const done = () => {
      child.off('message', heard);
      child.off('exit', ended);
    };
    const heard = ({ measure, bytes }: { measure?: number; bytes?: number }) => {
      if (measure !== asked || bytes === undefined) return;
      done();
      resolve(bytes);
    };
    const ended = () => {
      done();
      reject(new Error('the relay has ended'));
    };
    child.on('message', heard);
    child.once('exit', ended);
    child.send({ measure: asked });
  });
}
