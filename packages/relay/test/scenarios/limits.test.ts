import type { IncomingMessage } from 'node:http';

import { ROUTES } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { tokenVerifier } from '../../src/auth/token-verifier.js';
import {
  createRelayCore,
  localBus,
  memoryStore,
  RelayError,
  type Relay,
  type RelayConfigInput,
} from '../../src/index.js';
import { AuditLog } from '../../src/ops/audit.js';
import { clientAddress } from '../../src/ops/client-address.js';
import { createLog } from '../../src/ops/log.js';
import { systemClock } from '../../src/platform.js';
import { registryOf } from '../support/apps.js';
import {
  auth,
  codeOf,
  connect,
  http,
  messageTo,
  newUser,
  preKeysBody,
  random,
  someKey,
  TEST_APP,
  tokenFor,
  tryRegister,
} from '../support/device.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { testRelay } from '../support/relay.js';

const relays: Relay[] = [];
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.close()));
  await redis.remove();
});

async function limited(limits: RelayConfigInput['limits'], more: RelayConfigInput = {}): Promise<Relay> {
  const relay = await testRelay({ ...more, limits });
  relays.push(relay);
  return relay;
}

const hour = (points: number) => ({ points, seconds: 3600 });

describe('a limit that is used up', () => {
  test('refuses registrations, with the time to wait', async () => {
    const relay = await limited({ registrationsPerUser: hour(2) });
    await tryRegister(relay.url, 'alice');
    await tryRegister(relay.url, 'alice');
    const answer = await tryRegister(relay.url, 'alice');
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
    expect((answer.body as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    expect((await tryRegister(relay.url, 'bob')).status).toBe(200);
  });

  test('refuses requests from one address before anything is read', async () => {
    const relay = await limited({ requestsPerAddress: hour(3) }, { trustedProxies: 1 });
    const from = (address: string) =>
      http(relay.url, ROUTES.linkToken, { headers: { 'x-forwarded-for': address } }).then(codeOf);
    expect([await from('10.0.0.1'), await from('10.0.0.1'), await from('10.0.0.1'), await from('10.0.0.1')]).toEqual([
      'token-missing',
      'token-missing',
      'token-missing',
      'rate-limited',
    ]);
    expect(await from('10.0.0.2')).toBe('token-missing');
    expect(await from('10.0.0.2, 10.0.0.1')).toBe('rate-limited');
  });

  test('refuses sockets and submits; what was submitted before stays', async () => {
    const relay = await limited({ connectionsPerUser: hour(2), envelopesPerDevice: hour(100) });
    const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
    const socket = await connect(alice);
    for (let count = 0; count < 100; count++) expect(await socket.submit(messageTo(bob))).toMatchObject({ ok: true });
    expect(await socket.submit(messageTo(bob))).toMatchObject({ ok: false, error: { code: 'rate-limited' } });
    await connect(alice);
    await expect(connect(alice)).rejects.toThrow('rate-limited');
    expect(await (await connect(bob)).delivered(100)).toHaveLength(100);
  });

  test('leaves a stranger with last-resort bundles: the stock cannot be drained', async () => {
    const relay = await limited({ bundlesPerPair: hour(2) });
    const [alice, mallory, bob] = [
      await newUser(relay.url, 'alice'),
      await newUser(relay.url, 'mallory'),
      await newUser(relay.url, 'bob'),
    ];
    await http(relay.url, ROUTES.putPreKeys, { ...auth(alice), body: preKeysBody(10, 10) });
    const path = ROUTES.bundles.path.replace(':user', alice.user);
    const fetchAs = async (who: typeof alice) => {
      const { body } = await http(relay.url, { method: 'POST', path }, { ...auth(who), body: { devices: [1] } });
      return (body as { bundles: { oneTimePreKey: unknown }[] }).bundles[0]?.oneTimePreKey !== null;
    };
    expect([await fetchAs(mallory), await fetchAs(mallory), await fetchAs(mallory), await fetchAs(bob)]).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  test('counts for all nodes that share a Redis, and for each alone while it is away', async () => {
    const store = memoryStore();
    const open = async () => {
      const relay = await testRelay({ redisUrl: redis.url, limits: { registrationsPerUser: hour(2) } }, { store });
      relays.push(relay);
      return relay;
    };
    const [north, south] = [await open(), await open()];
    await tryRegister(north.url, 'shared');
    await tryRegister(south.url, 'shared');
    expect(codeOf(await tryRegister(north.url, 'shared'))).toBe('rate-limited');
    expect(codeOf(await tryRegister(south.url, 'shared'))).toBe('rate-limited');
    await redis.stop();
    expect(codeOf(await tryRegister(south.url, 'shared'))).toBe('needs-device');
    await redis.start();
  });
});

describe('addresses', () => {
  const address = (forwarded: string | undefined, proxies: number, direct = '127.0.0.1') =>
    clientAddress(
      { socket: { remoteAddress: direct }, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage,
      proxies,
    );

  test.each([
    ['1.2.3.4', 0, '127.0.0.1'],
    ['1.2.3.4', 1, '1.2.3.4'],
    ['6.6.6.6, 1.2.3.4, 10.0.0.9', 2, '1.2.3.4'],
    ['nonsense', 1, '127.0.0.1'],
    [undefined, 1, '127.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', 1, '2001:db8:1:2::/64'],
    ['2001:db8::1', 1, '2001:db8:0:0::/64'],
    ['::ffff:9.8.7.6', 1, '9.8.7.6'],
  ])('%s behind %i proxies: %s', (forwarded, proxies, expected) => {
    expect(address(forwarded, proxies)).toBe(expected);
  });
});

describe('what an operator sees', () => {
  test('metrics count what happens and name nobody', async () => {
    const relay = await limited({ registrationsPerUser: hour(1) }, { metricsToken: 'a token for metrics only' });
    const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
    const [aliceSocket, bobSocket] = [await connect(alice), await connect(bob)];
    const message = messageTo(bob);
    await aliceSocket.submit(message);
    await bobSocket.delivered(1);
    await bobSocket.ack({ seq: 1, id: message.id });
    await tryRegister(relay.url, 'alice');
    expect((await fetch(`${relay.url}/metrics`)).status).toBe(401);
    const response = await fetch(`${relay.url}/metrics`, {
      headers: { authorization: 'Bearer a token for metrics only' },
    });
    const text = await response.text();
    for (const line of [
      'sotto_connections 2',
      'sotto_envelopes_stored_total 1',
      'sotto_envelope_bytes_stored_total 400',
      'sotto_envelopes_delivered_total 1',
      'sotto_commit_items_count{kind="submit"} 1',
      'sotto_commit_items_count{kind="ack"} 1',
      'sotto_limited_total{limit="registrationsPerUser"} 1',
      'sotto_refused_total{code="rate-limited",via="http"} 1',
      'nodejs_eventloop_lag_seconds',
    ]) {
      expect(text).toContain(line);
    }
    for (const secret of [alice.user, bob.user, alice.token, '127.0.0.1', 'acme']) expect(text).not.toContain(secret);
  });

  test('the audit log has security events and suspicious refusals, without secrets', async () => {
    const lines: string[] = [];
    const audit = new AuditLog(createLog('info', { write: (line) => lines.push(line) }), systemClock);
    const verifier = tokenVerifier(registryOf({ ...TEST_APP, origins: [] }), systemClock);
    const core = await createRelayCore({ store: memoryStore(), bus: localBus(), verifier, observers: [audit] });
    const token = await tokenFor('a name that nobody logs');
    const login = await verifier.verify(token);
    const attempt = random(32) as Uint8Array<ArrayBuffer>;
    await core.directory.register(login, { identityKey: someKey(), attempt });
    core.refused(new RelayError('token-invalid'), { address: '192.0.2.1', via: 'socket' });
    core.refused(new RelayError('bad-request'), { address: '192.0.2.1', via: 'http' });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { audit: true, event: 'device-registered', app: 'acme', user: login.user, device: 1 },
      { audit: true, event: 'refused', code: 'token-invalid', address: '192.0.2.1', via: 'socket' },
    ]);
    expect(lines.join('')).not.toContain('nobody logs');
  });
});

describe('who was refused at the door', () => {
  const strangers = { app: TEST_APP.id, key: 'another secret of more than 32 bytes' };

  /** A relay, a device on it, and for each refusal its code and whom it names. */
  async function watched(limits: Parameters<typeof limited>[0]) {
    const relay = await limited(limits);
    const alice = await newUser(relay.url, 'alice');
    const refused = vi.spyOn(relay.core, 'refused');
    const named = () =>
      refused.mock.calls.splice(0).map(([{ code }, { via, app, user, device }]) => ({ code, via, app, user, device }));
    return { relay, alice, named };
  }

  test('a token that was verified names app and user, the secret of a device names that too', async () => {
    const { alice, named } = await watched({ connectionsPerDevice: hour(1), bundlesPerPair: hour(1) });
    const { app, user } = alice;
    (await connect(alice)).close();
    await expect(connect(alice)).rejects.toThrow('rate-limited');
    await expect(connect({ ...alice, secret: random(32) })).rejects.toThrow('device-unknown');
    await http(alice.url, ROUTES.getDevices, auth({ ...alice, secret: random(32) }));
    await http(alice.url, ROUTES.getDevices, { ...auth(alice), headers: { origin: 'https://evil.example' } });
    await http(alice.url, ROUTES.putPreKeys, { ...auth(alice), body: {} });
    await http(alice.url, ROUTES.removeSelf, auth(alice));
    await http(alice.url, ROUTES.getDevices, auth(alice));
    expect(named()).toEqual([
      { code: 'rate-limited', via: 'socket', app, user, device: 1 },
      { code: 'device-unknown', via: 'socket', app, user },
      { code: 'device-unknown', via: 'http', app, user },
      { code: 'origin-refused', via: 'http', app, user },
      { code: 'bad-request', via: 'http', app, user, device: 1 },
      { code: 'device-gone', via: 'http', app, user },
    ]);
  });

  test('a user over the limit is named, on both ways in', async () => {
    const { alice, named } = await watched({ connectionsPerUser: hour(1), requestsPerUser: hour(3) });
    const { app, user } = alice;
    (await connect(alice)).close();
    await expect(connect(alice)).rejects.toThrow('rate-limited');
    for (let count = 0; count < 2; count++) await http(alice.url, ROUTES.getDevices, auth(alice));
    expect(named()).toEqual([
      { code: 'rate-limited', via: 'socket', app, user },
      { code: 'rate-limited', via: 'http', app, user },
    ]);
  });

  test('a token that was not verified names no user, whatever it says', async () => {
    const { alice, named } = await watched({});
    const token = await tokenFor('alice', strangers);
    await expect(connect({ ...alice, token })).rejects.toThrow('token-invalid');
    await http(alice.url, ROUTES.getDevices, auth({ ...alice, token }));
    await http(alice.url, ROUTES.getDevices, {});
    expect(named()).toEqual([
      { code: 'token-invalid', via: 'socket' },
      { code: 'token-invalid', via: 'http' },
      { code: 'token-missing', via: 'http' },
    ]);
  });
});

describe('address lists', () => {
  const at = (address: string) => ({ 'x-forwarded-for': address });

  test('who is denied, or not among those allowed, hears so on every way in, and is counted', async () => {
    const relay = await limited(
      {},
      { trustedProxies: ['127.0.0.0/8'], allowAddresses: ['10.0.0.0/8', '127.0.0.1'], denyAddresses: ['10.6.0.0/16'] },
    );
    const alice = await newUser(relay.url, 'alice');
    const ask = (address: string, route: { method: string; path: string } = ROUTES.getDevices) =>
      http(relay.url, route, { ...auth(alice), headers: at(address) });
    expect((await ask('10.1.1.1')).status).toBe(200);
    for (const address of ['10.6.1.1', '::ffff:10.6.1.1', '198.51.100.1', '2001:db8::1'])
      expect(await ask(address)).toMatchObject({ status: 403, body: { code: 'address-refused' } });
    expect((await ask('10.6.1.1', { method: 'GET', path: '/healthz' })).status).toBe(200);
    expect((await ask('10.6.1.1', { method: 'GET', path: '/openapi.json' })).status).toBe(403);

    await expect(connect(alice, { headers: at('10.6.1.1') })).rejects.toThrow('address-refused');
    const socket = await connect(alice, { headers: at('10.1.1.1') });
    await socket.welcome();
    socket.close();
    const metrics = await (await fetch(`${relay.url}/metrics`)).text();
    expect(metrics).toContain('sotto_refused_total{code="address-refused",via="http"} 5');
    expect(metrics).toContain('sotto_refused_total{code="address-refused",via="socket"} 1');
  });
});
