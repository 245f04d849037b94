import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

import { ROOT } from './repository.js';

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Keep the output and return it instead of showing it. */
  quiet?: boolean;
}

export interface RunResult {
  /** Exit code; 1 when the program was ended by a signal or could not be started. */
  code: number;
  /** What it printed on standard output and standard error; empty unless `quiet`. */
  output: string;
}

/** Runs a program of `node_modules/.bin` or the system, without standard input and without a shell. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const path = [join(ROOT, 'node_modules/.bin'), options.env?.['PATH'] ?? process.env['PATH']].join(delimiter);
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env, PATH: path },
    stdio: options.quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

/** The pnpm that runs this script, or the one on the PATH. */
export function pnpm(args: string[], options: RunOptions = {}): Promise<RunResult> {
  const own = process.env['npm_execpath'];
  const command = own !== undefined && /pnpm(\.exe)?$/.test(own) ? own : 'pnpm';
  return run(command, args, options);
}
