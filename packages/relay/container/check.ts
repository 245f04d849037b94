/**
 * `pnpm check:container`: builds the image and runs it as hard as an operator may: read-only, without privileges. A message
 * goes through it, it is killed and keeps what it has acknowledged, and it goes in peace when asked to. Needs a Docker engine
 * (`DOCKER_HOST` or the default socket).
 */
import { connect, messageTo, newUser, TEST_APP, type TestDevice } from '../test/support/device.js';
import { freePort } from '../test/support/servers.js';
import { BUILD_IMAGES, withImages } from './base-images.js';
import { answers, becomes, buildImage, checking, docker, say } from './engine.js';

const IMAGE = 'sotto-relay:check';
const NAME = `sotto-check-${process.pid}`;

const inspect = (format: string) => docker('inspect', '--format', format, NAME);
const explain = () => docker('logs', NAME);

async function checkContainer(): Promise<void> {
  say('building ...');
  say(`image: ${(await buildImage(IMAGE)).toFixed(0)} MiB`);

  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const hardened = ['--read-only', '--user', '10001:10001', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const apps = JSON.stringify([{ ...TEST_APP }]);
  const network = ['-p', `127.0.0.1:${port}:7420`, '--memory', '1g'];
  await docker('run', '-d', '--name', NAME, ...hardened, ...network, '-v', '/data', '-e', `SOTTO_APPS=${apps}`, IMAGE);
  await becomes('readiness', () => answers(`${url}/readyz`), { explain });
  await becomes('HEALTHCHECK', async () => (await inspect('{{.State.Health.Status}}')) === 'healthy', { explain });
  say('read-only, unprivileged: ready and healthy');

  const [alice, bob] = [await newUser(url, 'alice'), await newUser(url, 'bob')];
  await send(alice, bob);
  await docker('kill', '--signal', 'KILL', NAME);
  await docker('start', NAME);
  await becomes('readiness after a crash', () => answers(`${url}/readyz`), { explain });
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

await checking('container', [['version', '--format', '{{.Server.Version}}']], () =>
  withImages(BUILD_IMAGES, () => checkContainer().finally(() => docker('rm', '-f', '-v', NAME).catch(() => undefined))),
);
