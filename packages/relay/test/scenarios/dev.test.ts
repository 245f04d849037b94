import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DEV_APP, devObservation, ROUTES, type DevObservation } from '@sotto/protocol';
import { parse } from '@sotto/protocol/schema';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { ConfigError, startRelay, type Relay } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory/memory-store.js';
import {
  auth,
  connect,
  http,
  messageTo,
  preKeysBody,
  publishList,
  register,
  type TestDevice,
} from '../support/device.js';

let relay: Relay;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-static-'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>demo</title>');
  writeFileSync(join(folder, '.secret'), 'hidden');
  relay = await startRelay(
    { host: '127.0.0.1', port: 0, dev: true, memory: true, staticFolder: folder, logLevel: 'silent' },
    { store: memoryStore() },
  );
});

afterAll(async () => {
  await relay.close();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function devToken(user: string): Promise<string> {
  const response = await fetch(`${relay.url}/dev/token?user=${encodeURIComponent(user)}`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  return response.text();
}

async function devUser(name: string): Promise<TestDevice> {
  const device = { ...(await register(relay.url, name, { token: await devToken(name) })), app: DEV_APP as never };
  await publishList(device, [device]);
  return device;
}

/** Reads server-sent events until `enough` says so. */
async function observe(
  enough: (seen: DevObservation[]) => boolean,
  meanwhile?: () => Promise<unknown>,
): Promise<DevObservation[]> {
  const abort = new AbortController();
  const response = await fetch(`${relay.url}/dev/observe`, { signal: abort.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const seen: DevObservation[] = [];
  let text = '';
  let started = false;
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      seen.push(parse(devObservation, JSON.parse(text.slice('data: '.length, end))));
      text = text.slice(end + 2);
    }
    if (!started && meanwhile) await meanwhile();
    started = true;
    if (enough(seen)) break;
  }
  abort.abort();
  return seen;
}

test('a visitor sees the directory, an envelope arrive, and go when it is acknowledged', async () => {
  const [alice, bob] = [await devUser('alice'), await devUser('Bob Ünicode')];
  await http(relay.url, ROUTES.putPreKeys, { ...auth(bob), body: preKeysBody(3, 2) });
  const message = messageTo(bob, { payload: Buffer.from('ciphertext') });
  const [aliceSocket, bobSocket] = [await connect(alice), await connect(bob)];
  const seen = await observe(
    (all) => all.some(({ type }) => type === 'acked'),
    async () => {
      await aliceSocket.submit(message);
      await bobSocket.ack({ seq: 1, id: message.id });
    },
  );
  expect(seen[0]).toMatchObject({ type: 'directory' });
  expect(seen[0]?.type === 'directory' && seen[0].devices).toMatchObject([
    { user: alice.user, online: true, oneTimePreKeys: 0 },
    { user: bob.user, online: true, oneTimePreKeys: 3, kemPreKeys: 2 },
  ]);
  const stored = seen.find(({ type }) => type === 'stored');
  expect(stored).toMatchObject({
    mailbox: { user: bob.user, device: 1 },
    from: { user: alice.user, device: 1 },
    seq: 1,
    bytes: 10,
    head: Buffer.from('ciphertext').toString('hex'),
  });
  expect(seen.findIndex(({ type }) => type === 'acked')).toBeGreaterThan(
    seen.findIndex(({ type }) => type === 'stored'),
  );
});

test('who comes later is shown what is held', async () => {
  const [carol, dave] = [await devUser('carol'), await devUser('dave')];
  await (await connect(carol)).submit(messageTo(dave));
  const seen = await observe((all) => all.some(({ type }) => type === 'stored'));
  expect(seen.map(({ type }) => type)).toEqual(['directory', 'stored']);
});

test('a token needs a name', async () => {
  for (const query of ['', '?user=', `?user=${'x'.repeat(256)}`, '?user=a&user=b']) {
    expect(await http(relay.url, { method: 'GET', path: `/dev/token${query}` })).toMatchObject({
      status: 400,
      body: { code: 'bad-request' },
    });
  }
});

test('the demo folder is served under a strict policy, without its dot files', async () => {
  const response = await fetch(`${relay.url}/`);
  expect(await response.text()).toContain('demo');
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toContain('unsafe');
  expect((await fetch(`${relay.url}/.secret`)).status).toBe(404);
  expect((await fetch(`${relay.url}/..%2f..%2fetc%2fpasswd`)).status).toBe(404);
});

test('--dev is refused in production', async () => {
  vi.stubEnv('NODE_ENV', 'production');
  await expect(startRelay({ dev: true, memory: true, port: 0 })).rejects.toThrow(ConfigError);
});
