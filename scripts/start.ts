/** The README's start command: builds the demo, runs a relay in `--dev` on embedded PostgreSQL, and prints the address. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { ROOT } from './lib/repository.js';
import { run } from './lib/run.js';

const DEFAULT_PORT = 7420;

/** True if nothing listens there yet. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** `PORT` as given, else the first free port from the default on. */
async function choosePort(): Promise<number> {
  const named = process.env['PORT'];
  if (named !== undefined && named !== '') return Number(named);
  for (let port = DEFAULT_PORT; port < DEFAULT_PORT + 100; port++) if (await isFree(port)) return port;
  throw new Error(`No free port from ${DEFAULT_PORT} on; name one: PORT=... npx -y pnpm@12 start`);
}

async function waitUntilReady(url: string, stopped: () => boolean): Promise<boolean> {
  while (!stopped()) {
    const ready = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function main(): Promise<number> {
  console.log('Building the demo ...');
  const demo = join(ROOT, 'examples/demo');
  const built = await run('vite', ['build', '--logLevel', 'warn'], { cwd: demo, quiet: true });
  if (built.code !== 0) {
    console.error(built.output);
    return built.code;
  }
  const port = await choosePort();
  // This machine only: in --dev the relay lets anyone be anyone.
  const flags = ['--dev', '--host', '127.0.0.1', '--port', String(port), '--static', join(demo, 'dist')];
  const relay = spawn(
    process.execPath,
    [
      '--conditions=@sotto/source',
      '--import',
      'tsx',
      join(ROOT, 'packages/relay/src/main.ts'),
      ...flags,
      '--data',
      process.env['SOTTO_DATA'] ?? join(ROOT, '.data/dev'),
    ],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { LOG_LEVEL: 'warn', ...process.env } },
  );
  // Ctrl-C reaches the relay by itself, as it reaches every program of the terminal; we only stay until it has finished.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => relay.kill('SIGTERM'));
  let stopped = false;
  const exit = new Promise<number>((resolve) => {
    relay.on('exit', (code) => {
      stopped = true;
      resolve(code ?? 0);
    });
  });
  // `localhost` and not an address: browsers treat it as a secure context, which encryption needs.
  const url = `http://localhost:${port}`;
  if (await waitUntilReady(`http://127.0.0.1:${port}`, () => stopped)) console.log(`\n  Sotto is ready: ${url}\n`);
  return exit;
}

process.exitCode = await main();
