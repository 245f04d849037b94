import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ROUTES, type AppId } from '@sotto/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { adminClient } from '../../src/admin/admin-client.js';
import { newAdminToken } from '../../src/admin/admin-tokens.js';
import type { AppAdmin } from '../../src/apps/app-admin.js';
import {
  auth,
  codeOf,
  connect,
  http,
  listBody,
  messageTo,
  newUser,
  random,
  register,
  someKey,
  TEST_APP,
  tokenFor,
  tryRegister,
  type TestDevice,
} from '../support/device.js';
import { startRelayProcess, type RelayProcess } from '../support/process.js';
import { eventually, freePort } from '../support/servers.js';

/** The audit log of a relay in a process of its own: what it prints is all that an operator has afterwards. */
let relay: RelayProcess;
let admin: AppAdmin;
let adminUrl: string;
let printed = '';
/** How many lines of the audit log were looked at. */
let looked = 0;
/** What must be on no line, in every form that it takes on the wire. */
const secrets = new Set<string>();
const folder = mkdtempSync(join(tmpdir(), 'sotto-audit-'));
const { token: adminToken, hash } = newAdminToken();
const app = TEST_APP.id;

beforeAll(async () => {
  const adminPort = await freePort();
  adminUrl = `http://127.0.0.1:${adminPort}`;
  relay = await startRelayProcess(
    {
      SOTTO_DATA: folder,
      LOG_LEVEL: 'info',
      SOTTO_ADMIN_TOKENS: `root:${hash}`,
      SOTTO_ADMIN_PORT: String(adminPort),
      SOTTO_LIMITS: JSON.stringify({ connectionsPerDevice: { points: 3, seconds: 3600 } }),
    },
    { onOutput: (text) => (printed += text) },
  );
  admin = adminClient({ url: adminUrl, token: adminToken });
  keepSecret(adminToken, hash, TEST_APP.secret);
});

afterAll(async () => {
  await relay.kill();
  rmSync(folder, { recursive: true, force: true });
});

function keepSecret(...values: readonly (string | Uint8Array)[]): void {
  for (const value of values) {
    if (typeof value === 'string') secrets.add(value);
    else for (const form of ['hex', 'base64', 'base64url'] as const) secrets.add(Buffer.from(value).toString(form));
  }
}

function keepSecretsOf({ token, secret, identityKey, name }: TestDevice): void {
  keepSecret(token, secret, identityKey, name);
}

interface Line {
  level: number;
  time: string;
  audit?: true;
}

const lines = (): Line[] =>
  printed
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line)
    .filter(({ audit }) => audit === true);

/** The lines that were written since it was asked last, as soon as there are so many; what all have in common is taken out. */
async function written(count: number): Promise<object[]> {
  const fresh = await eventually(`${count} lines of the audit log`, () => {
    const news = lines().slice(looked);
    if (news.length < count) return Promise.reject(new Error(`${news.length} so far`));
    return Promise.resolve(news);
  });
  looked += fresh.length;
  return fresh.map(({ level, time, audit, ...rest }) => {
    expect([audit, new Date(time).toISOString()]).toEqual([true, time]);
    return { level: level === 30 ? 'info' : level, ...rest };
  });
}

const WARN = 40;

test('what a user does to their devices: one line each, with app, user and device, and nothing else', async () => {
  const alice = await newUser(relay.url, 'a name of somebody');
  keepSecretsOf(alice);
  const { user } = alice;
  const line = (event: string, device = 1) => ({ level: 'info', event, app, user, device });
  expect(await written(2)).toEqual([line('device-registered'), line('device-list-published')]);

  const { body } = await http(relay.url, ROUTES.linkToken, auth(alice));
  const { linkToken } = body as { linkToken: string };
  keepSecret(linkToken);
  const { token, identityKey } = alice;
  const phone = await register(relay.url, alice.name, {
    ...{ token, identityKey },
    linkToken: Buffer.from(linkToken, 'base64url'),
  });
  keepSecretsOf(phone);
  expect(await written(2)).toEqual([line('link-token-made'), line('device-registered', 2)]);

  const list = listBody(alice, alice.listVersion + 1, [alice, phone]);
  await http(relay.url, ROUTES.putDeviceList, { ...auth(alice), body: list });
  await http(relay.url, ROUTES.removeSelf, auth(phone));
  expect(await written(2)).toEqual([line('device-list-published'), line('device-removed', 2)]);

  const resetToken = await tokenFor(alice.name, { reset: true });
  keepSecret(resetToken);
  const fresh = await register(relay.url, alice.name, { reset: true, token: resetToken });
  keepSecretsOf(fresh);
  expect(await written(1)).toEqual([line('user-reset')]);
});

test('what is refused: whom a good token names, the code, and the address; of a bad token nothing', async () => {
  const bob = await newUser(relay.url, 'bob of the refusals');
  keepSecretsOf(bob);
  await written(2);
  const { user } = bob;
  const line = (via: 'http' | 'socket', code: string, who: object) => ({
    ...{ level: WARN, event: 'refused', code, via, address: '127.0.0.1', ...who },
  });

  const forged = await tokenFor('somebody that mallory names', { key: 'a key of mallory with more than 32 bytes' });
  keepSecret(forged, 'somebody that mallory names');
  expect(codeOf(await tryRegister(relay.url, bob.name, { token: forged }))).toBe('token-invalid');
  await expect(connect({ ...bob, token: forged })).rejects.toThrow('token-invalid');
  const elsewhere = await tokenFor('x', { app: 'no-app-of-this-relay', key: TEST_APP.secret });
  keepSecret(elsewhere, 'no-app-of-this-relay');
  expect(codeOf(await tryRegister(relay.url, bob.name, { token: elsewhere }))).toBe('app-unknown');
  expect(await written(3)).toEqual([
    line('http', 'token-invalid', { app }),
    line('socket', 'token-invalid', { app }),
    line('http', 'app-unknown', {}),
  ]);

  const guess = { ...bob, secret: random(32) };
  keepSecret(guess.secret);
  await http(relay.url, ROUTES.getDevices, auth(guess));
  const identityKey = someKey();
  keepSecret(identityKey);
  expect(codeOf(await tryRegister(relay.url, bob.name, { reset: true, identityKey }))).toBe('reset-refused');
  expect(await written(2)).toEqual([
    line('http', 'device-unknown', { app, user }),
    line('http', 'reset-refused', { app, user }),
  ]);

  for (let epoch = 1; epoch <= 3; epoch++) (await connect(bob, { epoch })).close();
  for (let again = 0; again < 2; again++) await expect(connect(bob)).rejects.toThrow('rate-limited');
  // The second is counted, and written at the end of the minute.
  expect(await written(1)).toEqual([line('socket', 'rate-limited', { app, user, device: 1 })]);
});

test('what admins do: one line each, with the name of who did it', async () => {
  const id = 'shop' as AppId;
  const line = (event: string) => ({ level: 'info', event, app: id, by: 'root' });
  const { secret = '' } = await admin.create({ id, origins: ['https://shop.example'] });
  const rotated = await admin.rotateKey(id, {});
  keepSecret(secret, rotated.secret ?? '');
  await admin.update(id, { retentionDays: 3 });
  await admin.suspend(id);
  await admin.resume(id);
  await admin.list();
  await admin.show(id);
  await admin.remove(id);
  expect(await written(6)).toEqual(
    ['app-created', 'app-key-rotated', 'app-updated', 'app-suspended', 'app-resumed', 'app-deleted'].map(line),
  );
  // What is refused has changed nothing.
  await expect(admin.suspend('nobody' as AppId)).rejects.toMatchObject({ code: 'app-missing' });

  const guess = `${adminToken}x`;
  keepSecret(guess);
  await expect(adminClient({ url: adminUrl, token: guess }).list()).rejects.toMatchObject({
    code: 'admin-token-invalid',
  });
  expect(await written(1)).toEqual([{ level: 'info', event: 'admin-refused', address: '127.0.0.1' }]);
});

test('messages are in no log; nor, when all is over, is anything else that nobody should read', async () => {
  const [carol, dave] = [await newUser(relay.url, 'carol of the log'), await newUser(relay.url, 'dave of the log')];
  for (const each of [carol, dave]) keepSecretsOf(each);
  await written(4);
  const message = messageTo(dave);
  keepSecret(message.id, ...message.payloads);
  const socket = await connect(carol);
  expect(await socket.submit(message)).toMatchObject({ ok: true });
  socket.close();
  await relay.stop();
  expect(await written(1)).toMatchObject([{ code: 'rate-limited', more: 1 }]);
  for (const secret of secrets) expect(printed).not.toContain(secret);
  // An address is only where somebody was refused.
  const others = printed.split('\n').filter((line) => !/"event":"(refused|admin-refused)"/.test(line));
  const named = others.filter((line) => line.includes('127.0.0.1'));
  expect(named.filter((line) => !/the (admin API|relay) listens|^(Sotto relay|Admin API):/.test(line))).toEqual([]);
});
