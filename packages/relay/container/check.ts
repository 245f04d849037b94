/**
 * `pnpm check:container`: builds the image and runs it as hard as an operator may: read-only, without privileges. A message
 * goes through it, it is killed and keeps what it has acknowledged, and it goes in peace when asked to. Needs a Docker engine
 * (`DOCKER_HOST` or the default socket); without one nothing is checked, and that is a failure.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { connect, messageTo, newUser, TEST_APP, type TestDevice } from '../test/support/device.js';
import { freePort } from '../test/support/servers.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

const IMAGE = 'sotto-relay:check';
const NAME = `sotto-check-${process.pid}`;
const READY_MS = 90_000;

/** Resolves to what it printed; rejects when it fails. */
async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

const say = (text: string) => process.stdout.write(`${text}\n`);
const inspect = (format: string) => docker('inspect', '--format', format, NAME);

async function becomes(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`${what} did not happen in time:\n${await docker('logs', NAME)}`);
}

/** Docker's own proxy accepts before the relay listens, and then says nothing. */
function answers(url: string): Promise<boolean> {
  const answer = fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
  return Promise.race([answer, new Promise<boolean>((resolve) => setTimeout(resolve, 2_000, false))]);
}

async function checkContainer(): Promise<void> {
  say('building ...');
  await docker('build', '--network', 'host', '-t', IMAGE, '.');
  const size = Number(await docker('image', 'inspect', '--format', '{{.Size}}', IMAGE));
  say(`image: ${(size / 1024 / 1024).toFixed(0)} MiB`);

  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const hardened = ['--read-only', '--user', '10001:10001', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const apps = JSON.stringify([{ ...TEST_APP }]);
  const network = ['-p', `127.0.0.1:${port}:7420`, '--memory', '1g'];
  await docker('run', '-d', '--name', NAME, ...hardened, ...network, '-v', '/data', '-e', `SOTTO_APPS=${apps}`, IMAGE);
  await becomes('readiness', () => answers(`${url}/readyz`));
  await becomes('HEALTHCHECK', async () => (await inspect('{{.State.Health.Status}}')) === 'healthy');
  say('read-only, unprivileged: ready and healthy');

  const [alice, bob] = [await newUser(url, 'alice'), await newUser(url, 'bob')];
  await send(alice, bob);
  await docker('kill', '--signal', 'KILL', NAME);
  await docker('start', NAME);
  await becomes('readiness after a crash', () => answers(`${url}/readyz`));
  const socket = await connect(bob);
  const [envelope] = await socket.delivered(1);
  if (!envelope) throw new Error('what was acknowledged is gone');
  await socket.ack(envelope);
  say('killed and started again: what was acknowledged was delivered');

  await docker('stop', '--time', '20', NAME);
  const code = await inspect('{{.State.ExitCode}}');
  if (code !== '0') throw new Error(`SIGTERM ended it with ${code}`);
  const { code: reason } = await socket.next('bye');
  if (reason !== 'shutting-down') throw new Error(`the client heard ${reason}`);
  say('SIGTERM: the client was told, exit code 0');
}

async function send(from: TestDevice, to: TestDevice): Promise<void> {
  const socket = await connect(from);
  const reply = await socket.submit(messageTo(to));
  if (!reply.ok || reply.outcomes[0] !== 'stored') throw new Error(`not stored: ${JSON.stringify(reply)}`);
  socket.close();
}

async function hasEngine(): Promise<boolean> {
  return docker('version', '--format', '{{.Server.Version}}').then(
    () => true,
    () => false,
  );
}

if (!(await hasEngine())) {
  process.stderr.write('NOT CHECKED: there is no Docker engine here. Start one, or set DOCKER_HOST.\n');
  process.exitCode = 1;
} else {
  try {
    await checkContainer();
    say('container: good');
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await docker('rm', '-f', '-v', NAME).catch(() => undefined);
  }
}
