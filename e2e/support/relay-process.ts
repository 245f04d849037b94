import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { freePort } from '@sotto/relay/testing';

const CLI = fileURLToPath(new URL('../../packages/relay/src/main.ts', import.meta.url));

/** PGlite alone takes 3 s to create its database, and many times that on a machine under load. */
const START_MS = 60_000;

/** A relay as an operator runs it: its command line in a process of its own, on a fixed port, so that it can be killed and started again. */
export class RelayProcess {
  readonly port: number;
  readonly #env: Record<string, string>;
  readonly #log: Buffer[] = [];
  #child: ChildProcess | null = null;

  private constructor(port: number, env: Record<string, string>) {
    this.port = port;
    this.#env = env;
  }

  /** @param env settings as documented by `sotto-relay --help` */
  static async start(env: Record<string, string>): Promise<RelayProcess> {
    const relay = new RelayProcess(await freePort(), env);
    await relay.start();
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Everything it has printed, over all its lives. */
  get log(): Buffer {
    return Buffer.concat(this.#log);
  }

  /** Starts it and waits until it says that it is ready. */
  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      ['--conditions=@sotto/source', '--import', 'tsx', CLI, '--port', String(this.port), '--host', '127.0.0.1'],
      {
        env: { PATH: process.env['PATH'], LOG_LEVEL: 'trace', ...this.#env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    child.stdout.on('data', (bytes: Buffer) => this.#log.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => this.#log.push(bytes));
    const deadline = performance.now() + START_MS;
    while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
      if (await answers(`${this.url}/readyz`)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.kill();
    throw new Error(`the relay did not start:\n${this.log.toString()}`);
  }

  /** As power loss of the process: no goodbye, no finishing. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As a deploy does it. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exit;
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
