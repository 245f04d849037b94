import type { AppId } from '@sotto/protocol';
import { exportJWK, exportPKCS8, exportSPKI, generateKeyPair } from 'jose';
import { describe, expect, test } from 'vitest';

import { AppRegistry } from '../../src/apps/app-registry.js';
import { AppService, type AppChange } from '../../src/apps/app-service.js';
import { DELETION_GRACE_MS, purgeDeleted } from '../../src/apps/purge.js';
import { sealer, type Sealer } from '../../src/apps/seal.js';
import { appConfig, staticApp } from '../../src/apps/app.js';
import { tokenVerifier } from '../../src/auth/token-verifier.js';
import { DEFAULT_QUOTA, DEFAULT_RETENTION_MS, memoryStore } from '../../src/index.js';
import { systemRandom } from '../../src/platform.js';
import { mintToken } from '../../src/token.js';
import { TEST_APP } from '../support/device.js';

const ID = 'shop' as AppId;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KEY = Buffer.alloc(32, 7);

/** Apps in a memory store, with a clock that the test turns; tokens are checked against the real time, carried along. */
function office(options: { seal?: Sealer } = {}) {
  const store = memoryStore();
  const seal = options.seal ?? sealer(KEY);
  const state = { ahead: 0 };
  const clock = { now: () => Date.now() + state.ahead, after: () => () => undefined };
  const changes: [AppChange, string][] = [];
  const errors: unknown[] = [];
  const statics = [staticApp(appConfig.parse({ ...TEST_APP, origins: [] }))];
  const defaults = { retentionMs: DEFAULT_RETENTION_MS, quota: DEFAULT_QUOTA, inactiveMs: 90 * DAY_MS };
  const stored = { store: store.apps, sealer: seal };
  const registry = new AppRegistry({ statics, defaults, stored, onError: (error) => errors.push(error) });
  const service = new AppService({
    ...stored,
    statics,
    random: systemRandom,
    now: clock.now,
    async changed(change, app) {
      changes.push([change, app]);
      await registry.refresh();
    },
  });
  const verifier = tokenVerifier(registry, clock);
  const verify = (token: string) =>
    verifier.verify(token).then(
      () => 'accepted',
      (error: unknown) => (error as { code: string }).code,
    );
  const login = async (key: string, more: object = {}) =>
    verify(await mintToken({ app: ID, user: 'alice', key, expiresIn: 60 * 86_400, ...more }));
  return { store, service, registry, login, state, changes, errors, stored };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  );

test('what a later version has written into an app is ignored, stays, and may not be wished for', async () => {
  const { store, service, registry, login, errors } = office();
  const { secret = '' } = await service.create({ id: ID, limits: { requestsPerUser: { points: 5, seconds: 60 } } });
  const later = { limits: { requestsPerRobot: { points: 1, seconds: 1 } }, quota: { attics: 3 }, mood: 'good' };
  interface Stored {
    settings: { limits: { requestsPerUser: object } };
    keys: unknown;
  }
  const recordOf = (text = '') => JSON.parse(text) as Stored;
  await store.apps.update(ID, (app) => {
    if (!app) throw new Error('There is one.');
    const { settings, keys } = recordOf(app.record);
    const month = { points: 5, seconds: 30 * 86_400 };
    const limits = { ...later.limits, ...settings.limits, requestsPerUser: { ...month, burst: 9 } };
    const record = {
      keys,
      version: 2,
      settings: { ...settings, ...later, limits, quota: { ...later.quota, bytes: 7 } },
    };
    return { write: { ...app, record: JSON.stringify(record) }, result: undefined };
  });
  await registry.refresh();
  expect(errors).toEqual([]);
  expect(await login(secret)).toBe('accepted');
  // As long as a window may be in this version.
  expect(registry.budget(ID, 'requestsPerUser')).toEqual({ points: 5, seconds: 24 * 86_400 });
  expect(registry.policy(ID).quota.bytes).toBe(7);
  expect(Object.keys((await service.show(ID)).limits)).toEqual(['requestsPerUser']);

  await service.update(ID, { limits: { requestsPerUser: { points: 6, seconds: 60 } } });
  const [app] = await store.apps.list();
  expect(recordOf(app?.record)).toMatchObject({
    version: 2,
    settings: { mood: 'good', limits: { ...later.limits, requestsPerUser: { points: 6, seconds: 60 } } },
  });
  expect(await codeOf(service.update(ID, { limits: later.limits as never }))).toBe('bad-request');
});

test('an app is made with a secret that is said once, and works at once', async () => {
  const { service, login, changes } = office();
  const { app, secret = '' } = await service.create({ id: ID, origins: ['https://shop.example/x'] });
  expect(app).toMatchObject({ state: 'active', origins: ['https://shop.example'], keys: [{ sealed: true }] });
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  expect(await login(secret)).toBe('accepted');
  expect(await login(`${secret.slice(1)}x`)).toBe('token-invalid');
  expect(JSON.stringify([await service.show(ID), await service.list()])).not.toContain(secret);
  expect(changes).toEqual([['app-created', ID]]);
});

describe('several keys', () => {
  test('after a rotation both work for the grace period, then only the new one', async () => {
    const { service, login, state } = office();
    const { secret: old = '' } = await service.create({ id: ID });
    const { secret: fresh = '', app } = await service.rotateKey(ID, {});
    expect(app.keys).toHaveLength(2);
    expect([await login(old), await login(fresh)]).toEqual(['accepted', 'accepted']);
    state.ahead = DAY_MS - HOUR_MS;
    expect(await login(old)).toBe('accepted');
    state.ahead = DAY_MS + 1_000;
    expect([await login(old), await login(fresh)]).toEqual(['token-invalid', 'accepted']);
    const { app: later } = await service.rotateKey(ID, { graceSeconds: 60 });
    expect(later.keys).toHaveLength(2);
  });

  test('a leaked key ends at once with grace 0; another rotation does not prolong an old key', async () => {
    const { service, login, state } = office();
    const { secret: leaked = '' } = await service.create({ id: ID });
    const { secret: second = '' } = await service.rotateKey(ID, { graceSeconds: 0 });
    expect([await login(leaked), await login(second)]).toEqual(['token-invalid', 'accepted']);
    await service.rotateKey(ID, { graceSeconds: 3600 });
    await service.rotateKey(ID, { graceSeconds: 7 * 86_400 });
    state.ahead = HOUR_MS + 1_000;
    expect(await login(second)).toBe('token-invalid');
  });

  test('are at most five that count, with different names', async () => {
    const { service } = office();
    await service.create({ id: ID, kid: 'one' });
    expect(await codeOf(service.rotateKey(ID, { kid: 'one' }))).toBe('key-exists');
    for (const kid of ['two', 'three', 'four', 'five']) await service.rotateKey(ID, { kid });
    expect(await codeOf(service.rotateKey(ID, { kid: 'six' }))).toBe('key-limit');
    expect((await service.rotateKey(ID, { kid: 'six', graceSeconds: 0 })).app.keys).toHaveLength(1);
  });

  test('of other algorithms: each token is tried with keys of its own only', async () => {
    const { service, login } = office();
    const pair = await generateKeyPair('ES256', { extractable: true });
    const { secret = '' } = await service.create({ id: ID });
    const publicKey = await exportSPKI(pair.publicKey);
    await service.rotateKey(ID, { algorithm: 'ES256', publicKey });
    const key = await exportPKCS8(pair.privateKey);
    expect([await login(secret), await login(key, { algorithm: 'ES256' })]).toEqual(['accepted', 'accepted']);
    expect(await login(publicKey)).toBe('token-invalid');
  });

  test('that cannot work are refused when they are given, not at the first login', async () => {
    const { service } = office();
    const [rsa, weak] = await Promise.all([
      generateKeyPair('RS256', { extractable: true }),
      generateKeyPair('RS256', { extractable: true, modulusLength: 2048 }),
    ]);
    const make = (key: object) => codeOf(service.create({ id: ID, ...key }));
    expect(await make({ algorithm: 'ES256', publicKey: await exportSPKI(rsa.publicKey) })).toBe('key-unusable');
    expect(await make({ algorithm: 'RS256', publicKey: await exportPKCS8(weak.privateKey) })).toBe('bad-request');
    const whole = { ...(await exportJWK(rsa.privateKey)), kty: 'RSA' };
    expect(await make({ algorithm: 'RS256', publicKey: whole })).toBe('bad-request');
    expect(await make({ algorithm: 'RS256' })).toBe('bad-request');
    expect(await make({ algorithm: 'HS256', secret: 'short' })).toBe('bad-request');
    expect(await make({ algorithm: 'RS256', jwksUrl: 'http://shop.example/jwks' })).toBe('bad-request');
    expect(await make({ algorithm: 'RS256', jwksUrl: 'shop.example' })).toBe('bad-request');
    expect(await make({ algorithm: 'RS256', jwksUrl: 'https://shop.example/jwks' })).toBe('done');
  });
});

describe('secrets at rest', () => {
  const rowsOf = async ({ store }: ReturnType<typeof office>) => JSON.stringify(await store.apps.list());

  test('are sealed with the relay’s key, and open for this app and key only', async () => {
    const world = office();
    const { secret = '' } = await world.service.create({ id: ID });
    expect(await rowsOf(world)).not.toContain(secret);
    const sealed = sealer(KEY).seal('a secret', 'one app');
    expect(sealer(KEY).open(sealed, 'one app')).toBe('a secret');
    expect(() => sealer(KEY).open(sealed, 'another app')).toThrow('another key');
    expect(() => sealer(Buffer.alloc(32)).open(sealed, 'one app')).toThrow('another key');
    expect(() => sealer(null).open(sealed, 'one app')).toThrow('SOTTO_SECRETS_KEY is not set');
    expect(sealer(KEY).seal('a secret', 'one app')).not.toBe(sealed);
  });

  test('without a key lie open and say so; with the next change after there is one they are sealed', async () => {
    const plain = office({ seal: sealer(null) });
    const { app, secret = '' } = await plain.service.create({ id: ID });
    expect(app.keys[0]?.sealed).toBe(false);
    expect(await rowsOf(plain)).toContain(secret);
    const deps = { store: plain.store.apps, sealer: sealer(KEY), statics: [], random: systemRandom, now: Date.now };
    const service = new AppService({ ...deps, changed: () => Promise.resolve() });
    expect((await service.update(ID, { retentionDays: 3 })).keys[0]?.sealed).toBe(true);
    expect(await rowsOf(plain)).not.toContain(secret);
  });

  test('that cannot be opened refuse the app’s users for now, and nobody else', async () => {
    const { service, store, errors } = office();
    const { secret = '' } = await service.create({ id: ID });
    const registry = new AppRegistry({
      statics: [staticApp(appConfig.parse({ ...TEST_APP, origins: [] }))],
      defaults: { retentionMs: 1, quota: DEFAULT_QUOTA, inactiveMs: 1 },
      stored: { store: store.apps, sealer: sealer(null) },
      onError: (error) => errors.push(error),
    });
    await registry.refresh();
    const verifier = tokenVerifier(registry, { now: Date.now, after: () => () => undefined });
    expect(await codeOf(verifier.verify(await mintToken({ app: ID, user: 'a', key: secret })))).toBe('unavailable');
    expect(await codeOf(verifier.verify(await mintToken({ app: 'acme', user: 'a', key: TEST_APP.secret })))).toBe(
      'done',
    );
    expect(errors).toMatchObject([{ code: 'secret-sealed' }]);
  });
});

test('suspended, resumed, deleted: each shows at the next login; what is deleted comes back only when all is gone', async () => {
  const { service, login, registry, store, state } = office();
  const { secret = '' } = await service.create({ id: ID });
  await service.suspend(ID);
  expect(await login(secret)).toBe('app-suspended');
  await service.resume(ID);
  expect(await login(secret)).toBe('accepted');
  await service.remove(ID);
  await service.remove(ID);
  expect(await login(secret)).toBe('app-unknown');
  for (const wish of [
    service.create({ id: ID }),
    service.resume(ID),
    service.rotateKey(ID, {}),
    service.update(ID, {}),
  ]) {
    expect(await codeOf(wish)).toBe('app-deleting');
  }
  const purge = () => purgeDeleted(store.apps, registry.all(), Date.now() + state.ahead);
  await purge();
  expect(await codeOf(service.create({ id: ID }))).toBe('app-deleting');
  state.ahead = DELETION_GRACE_MS + 1;
  await purge();
  expect(await codeOf(service.create({ id: ID }))).toBe('done');
});

test('an app of the configuration is shown, never changed, and wins over one of the database', async () => {
  const { service, registry, store } = office();
  expect(await service.show(TEST_APP.id)).toMatchObject({ source: 'config', createdAt: null });
  const wishes = [service.create({ id: TEST_APP.id }), service.suspend(TEST_APP.id), service.remove(TEST_APP.id)];
  for (const wish of wishes) expect(await codeOf(wish)).toBe('app-static');
  const row = { id: TEST_APP.id, state: 'suspended', since: 1, createdAt: 1, record: '{}' } as const;
  await store.apps.update(TEST_APP.id, () => ({ write: row, result: undefined }));
  await registry.refresh();
  expect(registry.refusal(TEST_APP.id)).toBeNull();
  expect(registry.shadowed).toEqual([TEST_APP.id]);
  expect((await service.list()).apps.map(({ source }) => source)).toEqual(['config']);
});

test('settings: what is absent stays, null goes back, and each counts where it should', async () => {
  const { service, registry } = office();
  await service.create({ id: ID, retentionDays: 2, limits: { envelopesPerDevice: { points: 5, seconds: 60 } } });
  expect(registry.policy(ID).retentionMs).toBe(2 * DAY_MS);
  expect(registry.budget(ID, 'envelopesPerDevice')).toEqual({ points: 5, seconds: 60 });
  expect([...registry.retentions()]).toEqual([[ID, 2 * DAY_MS]]);
  await service.update(ID, { retentionDays: null, quota: { envelopes: 10 } });
  expect(registry.policy(ID)).toEqual({
    retentionMs: DEFAULT_RETENTION_MS,
    quota: { envelopes: 10, bytes: DEFAULT_QUOTA.bytes },
    inactiveMs: 90 * DAY_MS,
  });
  expect(registry.budget(ID, 'envelopesPerDevice')).toEqual({ points: 5, seconds: 60 });
  await service.update(ID, { inactiveDeviceDays: 7 });
  expect([...registry.inactivities()]).toEqual([[ID, 7 * DAY_MS]]);
  await service.update(ID, { origins: ['https://new.example'] });
  expect([registry.allowsOrigin(ID, 'https://new.example'), registry.knowsOrigin('https://new.example')]).toEqual([
    true,
    true,
  ]);
  expect(registry.allowsOrigin(ID, 'https://old.example')).toBe(false);
  expect(await codeOf(service.update(ID, { limits: { connectionsPerAddress: { points: 1, seconds: 1 } } }))).toBe(
    'bad-request',
  );
});

test('a limit has a window that a timer can hold: a longer one would be over at once', async () => {
  const { service } = office();
  await service.create({ id: ID });
  const within = (seconds: number) => service.update(ID, { limits: { requestsPerUser: { points: 1, seconds } } });
  expect(await codeOf(within(24 * 24 * 3600))).toBe('done');
  expect(await codeOf(within(Math.ceil(2 ** 31 / 1000)))).toBe('bad-request');
});

test('a record that this version cannot read is one app less, not a relay less', async () => {
  const { registry, store, service, errors } = office();
  await service.create({ id: ID });
  const row = { id: 'future' as AppId, state: 'active', since: 1, createdAt: 1, record: '{"settings":1}' } as const;
  await store.apps.update(row.id, () => ({ write: row, result: undefined }));
  await registry.refresh();
  expect([registry.refusal(ID), registry.refusal(row.id)]).toEqual([null, 'app-unknown']);
  expect(errors).toHaveLength(1);
});
