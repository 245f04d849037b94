/**
 * `pnpm check:compose`: brings up `compose.yaml` as it stands (nginx, two relays, PostgreSQL, Redis), talks through nginx to
 * both relays, kills one, sees the other carry on, and takes everything down again. Needs a Docker engine with the compose
 * plugin, 2.24 or later.
 */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect, messageTo, newUser, TEST_APP, type TestDevice, type TestSocket } from '../test/support/device.js';
import { BUILD_IMAGES, SERVER_IMAGES, withImages } from './base-images.js';
import { answers, becomes, buildImage, checking, docker, ROOT, say, works } from './engine.js';

const IMAGE = 'sotto-relay';
const PROJECT = `sotto-check-${process.pid}`;
const RELAYS = ['relay-1', 'relay-2'] as const;
type RelayName = (typeof RELAYS)[number];

/** nginx chooses the relay by the client's address, so the check needs clients with addresses of their own. */
const PATHS = Array.from({ length: 8 }, (_, index) => `path-${index + 1}`);

/** Forwards to nginx, from the address of its own container. */
const FORWARD = `const { connect, createServer } = require('net');
createServer((client) => {
  const nginx = connect(8080, 'nginx');
  const end = () => { client.destroy(); nginx.destroy(); };
  client.pipe(nginx).pipe(client);
  for (const socket of [client, nginx]) socket.on('error', end).on('close', end);
}).listen(9000)`;

const ASK_HEALTH = `fetch('http://127.0.0.1:9000/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

const ASK_METRICS = `fetch('http://127.0.0.1:7420/metrics', {
  headers: { authorization: 'Bearer ' + require('fs').readFileSync('/run/secrets/metrics_token', 'utf8').trim() },
}).then((answer) => answer.text()).then(console.log)`;

const folder = mkdtempSync(join(tmpdir(), 'sotto-compose-'));

const compose = (...args: string[]) =>
  docker('compose', '-p', PROJECT, '--project-directory', folder, '-f', 'compose.yaml', '-f', override, ...args);
const override = join(folder, 'override.yaml');
const explain = () => compose('logs', '--no-color', '--tail', '20');

/** As the head of `compose.yaml` says. */
function writeSecrets(): void {
  const secrets = join(folder, 'deploy/secrets');
  mkdirSync(secrets, { recursive: true });
  const password = randomBytes(24).toString('hex');
  const files = {
    postgres_password: password,
    database_url: `postgres://sotto:${password}@postgres:5432/sotto`,
    metrics_token: randomBytes(24).toString('hex'),
    'apps.json': JSON.stringify([TEST_APP]),
  };
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(secrets, name), `${content}\n`, { mode: 0o644 });
  cpSync(join(ROOT, 'deploy/nginx'), join(folder, 'deploy/nginx'), { recursive: true });
}

/** What the check adds: free ports, ways with addresses of their own, and fewer open files where the engine may not have so many. */
async function writeOverride(): Promise<void> {
  const mayOpen = await works('run', '--rm', '--ulimit', 'nofile=65536', '--entrypoint', 'true', IMAGE);
  if (!mayOpen) say('NOT AS IN compose.yaml: this engine allows no 65,536 open files; every service gets 4,096');
  const ulimits = mayOpen ? {} : { ulimits: { nofile: 4096 } };
  const lines = ['services:', "  nginx: { ports: !override ['127.0.0.1::8080'] }"];
  const path = {
    image: IMAGE,
    command: ['node', '-e', FORWARD.replaceAll('$', '$$')],
    networks: ['front'],
    ports: ['127.0.0.1::9000'],
    healthcheck: { test: ['CMD', 'node', '-e', ASK_HEALTH], interval: '5s', timeout: '5s', retries: 10 },
    depends_on: ['nginx'],
    ...ulimits,
  };
  for (const name of PATHS) lines.push(`  ${name}: ${JSON.stringify(path)}`);
  if (!mayOpen) {
    lines[1] = `  nginx: { ports: !override ['127.0.0.1::8080'], ulimits: { nofile: 4096 } }`;
    for (const name of RELAYS) lines.push(`  ${name}: ${JSON.stringify(ulimits)}`);
  }
  writeFileSync(override, `${lines.join('\n')}\n`);
}

async function urlOf(service: string, port: number): Promise<string> {
  return `http://${await compose('port', service, String(port))}`;
}

async function connectionsOf(relay: RelayName): Promise<number> {
  const metrics = await compose('exec', '-T', relay, 'node', '-e', ASK_METRICS);
  return Number(/^sotto_connections (\d+)$/m.exec(metrics)?.[1]);
}

interface Guest {
  device: TestDevice;
  socket: TestSocket;
  relay: RelayName;
}

/** Somebody new on one of the ways, and the relay to which it leads. */
async function arrive(path: string): Promise<Guest> {
  const device = await newUser(await urlOf(path, 9000), path);
  const before = await Promise.all(RELAYS.map(connectionsOf));
  const socket = await connect(device);
  await socket.next('drained');
  const after = await Promise.all(RELAYS.map(connectionsOf));
  const relay = RELAYS.find((_, index) => after[index] === (before[index] ?? 0) + 1);
  if (!relay) throw new Error(`no relay has the new connection: ${String(before)}, then ${String(after)}`);
  return { device, socket, relay };
}

/** Somebody on each relay. */
async function arriveEverywhere(): Promise<Record<RelayName, Guest>> {
  const found: Partial<Record<RelayName, Guest>> = {};
  for (const path of PATHS) {
    const guest = await arrive(path);
    if (found[guest.relay]) guest.socket.close();
    else found[guest.relay] = guest;
    const { 'relay-1': north, 'relay-2': south } = found;
    if (north && south) return { 'relay-1': north, 'relay-2': south };
  }
  throw new Error(`${PATHS.length} clients with addresses of their own all came to one relay`);
}

async function send(from: TestSocket, to: TestDevice): Promise<void> {
  const reply = await from.submit(messageTo(to));
  if (!reply.ok || reply.outcomes[0] !== 'stored') throw new Error(`not stored: ${JSON.stringify(reply)}`);
}

async function checkCompose(): Promise<void> {
  say('building ...');
  await buildImage(IMAGE);
  writeSecrets();
  await writeOverride();
  await compose('up', '-d', '--no-build', '--pull', 'never', '--wait', '--wait-timeout', '180').catch(
    async (error: unknown) => {
      throw new Error(`compose up: ${String(error)}\n${await explain()}`);
    },
  );
  const url = await urlOf('nginx', 8080);
  await becomes('an answer through nginx', () => answers(`${url}/healthz`), { explain });
  for (const path of ['/metrics', '/readyz', '/openapi.json'])
    if (!(await answers(url + path, 404))) throw new Error(`${path} can be had from outside`);
  say('up: all healthy; metrics and readiness are not to be had from outside');

  const { 'relay-1': alice, 'relay-2': bob } = await arriveEverywhere();
  await Promise.all([send(alice.socket, bob.device), send(bob.socket, alice.device)]);
  await Promise.all([alice.socket.delivered(1), bob.socket.delivered(1)]);
  say('through nginx, one on each relay: both directions');

  await oneIsKilled(alice, bob);

  await compose('stop', 'relay-1', 'relay-2');
  for (const relay of RELAYS) await leftInPeace(relay);
  say('told to go: exit code 0');
}

/** Alice's relay dies; she comes back by the same way and finds what was sent meanwhile. */
async function oneIsKilled(alice: Guest, bob: Guest): Promise<void> {
  await compose('kill', '--signal', 'KILL', alice.relay);
  await alice.socket.until(() => !alice.socket.socket.connected, 'the end of her connection');
  await send(bob.socket, alice.device);
  const again = await connect(alice.device, { epoch: 2 });
  const envelopes = await again.delivered(2);
  if (envelopes.map(({ seq }) => seq).join() !== '1,2') throw new Error('not in order');
  await send(again, bob.device);
  await bob.socket.delivered(2);
  if ((await connectionsOf(bob.relay)) !== 2) throw new Error('both should be on the relay that lives');
  again.close();
  say('one relay killed: its client is back through nginx, on the other; nothing lost, both directions');

  await compose('start', alice.relay);
  await becomes(
    'the return of the relay that was killed',
    () =>
      connectionsOf(alice.relay).then(
        (count) => count >= 0,
        () => false,
      ),
    { explain },
  );
  await becomes(
    'its place behind nginx',
    async () => {
      const third = await connect(alice.device, { epoch: 3 });
      const isThere = (await connectionsOf(alice.relay)) === 1;
      third.close();
      return isThere;
    },
    { explain },
  );
  bob.socket.close();
  say('started again: clients come to it as before');
}

async function leftInPeace(relay: RelayName): Promise<void> {
  const code = await docker('inspect', '--format', '{{.State.ExitCode}}', `${PROJECT}-${relay}-1`);
  if (code !== '0') throw new Error(`${relay} ended with ${code}:\n${await compose('logs', '--no-color', relay)}`);
}

const needs = [
  ['version', '--format', '{{.Server.Version}}'],
  ['compose', 'version'],
];
await checking('compose', needs, () =>
  withImages([...BUILD_IMAGES, ...SERVER_IMAGES], () =>
    checkCompose().finally(() => compose('down', '-v', '--timeout', '10').catch(() => undefined)),
  ),
);
rmSync(folder, { recursive: true, force: true });
