import { limits, ROUTES, toBase64Url, VERSION_HEADER } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import {
  auth,
  codeOf,
  http,
  newUser,
  preKeysBody,
  random,
  TEST_APP,
  tokenFor,
  tryRegister,
  type TestDevice,
} from '../support/device.js';
import { testRelay } from '../support/relay.js';

let relay: Relay;
let alice: TestDevice;

beforeAll(async () => {
  relay = await testRelay({ apps: [{ ...TEST_APP, origins: ['https://acme.example'] }] });
  alice = await newUser(relay.url, 'alice');
});

afterAll(() => relay.close());

const put = (body: unknown, headers: Record<string, string> = {}) =>
  http(relay.url, ROUTES.putPreKeys, { ...auth(alice), body, headers });

describe('a request is refused', () => {
  test('without a token, with a bad or an expired one', async () => {
    expect(await http(relay.url, ROUTES.linkToken, { device: alice })).toMatchObject({
      status: 401,
      body: { code: 'token-missing' },
    });
    expect(codeOf(await http(relay.url, ROUTES.linkToken, { device: alice, token: 'x.y.z' }))).toBe('token-invalid');
    const token = await tokenFor('alice', { expiresIn: -60 });
    expect(codeOf(await http(relay.url, ROUTES.linkToken, { device: alice, token }))).toBe('token-expired');
    expect(codeOf(await tryRegister(relay.url, 'x', { token: await tokenFor('a'.repeat(256)) }))).toBe('token-invalid');
  });

  test('without a device, with a malformed one, with a wrong secret', async () => {
    const { token } = alice;
    expect(await http(relay.url, ROUTES.linkToken, { token })).toMatchObject({
      status: 403,
      body: { code: 'device-unknown' },
    });
    for (const header of [
      '1',
      '1.',
      `200.${toBase64Url(random(32))}`,
      `1.${toBase64Url(random(31))}`,
      `1.${toBase64Url(random(32))}`,
    ]) {
      expect(codeOf(await http(relay.url, ROUTES.linkToken, { token, headers: { 'sotto-device': header } }))).toBe(
        'device-unknown',
      );
    }
  });

  test('for a protocol version that is not served', async () => {
    const answer = await http(relay.url, ROUTES.linkToken, { ...auth(alice), headers: { [VERSION_HEADER]: '99' } });
    expect(answer).toMatchObject({ status: 426, body: { code: 'upgrade-required' } });
    expect(
      codeOf(await http(relay.url, ROUTES.linkToken, { ...auth(alice), headers: { [VERSION_HEADER]: 'two' } })),
    ).toBe('bad-request');
  });

  test('when the body is broken, too large, compressed beyond the limit, or has a field too many', async () => {
    expect(await put('{"half": ')).toMatchObject({ status: 400, body: { code: 'bad-request' } });
    expect(codeOf(await put('[]'))).toBe('bad-request');
    expect(codeOf(await put('null'))).toBe('bad-request');
    expect(codeOf(await put({ ...preKeysBody(0, 0), extra: 1 }))).toBe('bad-request');
    expect(codeOf(await put(preKeysBody(101, 0)))).toBe('bad-request');
    expect(await put(`"${'x'.repeat(limits.MAX_HTTP_BODY_BYTES)}"`)).toMatchObject({
      status: 413,
      body: { code: 'too-large' },
    });
    expect(codeOf(await put('{}', { 'content-encoding': 'gzip' }))).toBe('bad-request');
    expect(codeOf(await put('{}', { 'content-encoding': 'zstd' }))).toBe('bad-request');
  });

  test('for a user that is no ACI, a route that is none, a path that is broken', async () => {
    expect(codeOf(await http(relay.url, { method: 'GET', path: '/v1/users/alice/device-list' }, auth(alice)))).toBe(
      'bad-request',
    );
    for (const path of ['/v1/nothing', '/v2/devices', '/dev/token', '/dev/observe', '/v1/users/%ff/device-list']) {
      const { status, body } = await http(relay.url, { method: 'GET', path }, auth(alice));
      expect([400, 404]).toContain(status);
      expect(['not-found', 'bad-request']).toContain((body as { code: string }).code);
    }
  });

  test('and the message never quotes what was sent', async () => {
    const answer = await put({
      ...preKeysBody(0, 0),
      'my-secret-field': 'my-secret-value',
      oneTimePreKeys: 'my-secret-list',
    });
    expect(JSON.stringify(answer.body)).not.toContain('my-secret');
  });
});

describe('a website', () => {
  const preflight = (origin: string) =>
    fetch(`${relay.url}/v1/prekeys`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });

  test('that the app allows gets its preflight and its answers', async () => {
    const answer = await preflight('https://acme.example');
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://acme.example');
    expect(answer.headers.get('access-control-allow-headers')).toContain('sotto-device');
    expect(codeOf(await put({}, { origin: 'https://acme.example' }))).toBe('bad-request');
  });

  test('may read in an answer how long to wait', async () => {
    const answer = await fetch(`${relay.url}/v1/prekeys`, {
      method: 'PUT',
      headers: { origin: 'https://acme.example' },
    });
    expect(answer.headers.get('access-control-expose-headers')).toBe('retry-after');
  });

  test('that the app does not allow gets neither', async () => {
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    expect(codeOf(await put({}, { origin: 'https://evil.example' }))).toBe('origin-refused');
    expect(codeOf(await put({}, { origin: 'null' }))).toBe('origin-refused');
  });
});

test('healthz and readyz answer without a token, and tell nothing', async () => {
  expect(await http(relay.url, { method: 'GET', path: '/healthz' })).toEqual({ status: 200, body: { ok: true } });
  expect(await http(relay.url, { method: 'GET', path: '/readyz' })).toEqual({
    status: 200,
    body: { ready: true, store: true, migrations: true, bus: true, closing: false },
  });
});
