import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { RESET_CLAIM, TOKEN_AUDIENCE, type AppId } from '@sotto/protocol';
import { exportJWK, exportPKCS8, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { appConfig, type AppConfigInput } from '../../src/apps/app.js';
import { tokenVerifier } from '../../src/auth/token-verifier.js';
import { aciOf } from '../../src/auth/user.js';
import { systemClock } from '../../src/platform.js';
import { mintToken } from '../../src/token.js';
import { registryOf } from '../support/apps.js';

const id = 'acme' as AppId;
const secret = 'a test secret of more than 32 bytes';

function verifierOf(...apps: AppConfigInput[]) {
  return tokenVerifier(registryOf(...apps), systemClock);
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  );

describe('tokens', () => {
  const hs256 = () => verifierOf({ id, algorithm: 'HS256', secret });
  const claims = () =>
    new SignJWT({}).setIssuer(id).setAudience(TOKEN_AUDIENCE).setSubject('alice').setExpirationTime('1h');
  const key = new TextEncoder().encode(secret);
  const sign = (jwt: SignJWT, alg = 'HS256') => jwt.setProtectedHeader({ alg }).sign(key);

  test.each(['RS256', 'ES256', 'EdDSA'] as const)('%s, with the public key as PEM and as JWK', async (algorithm) => {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const token = await mintToken({ app: id, user: 'alice', algorithm, key: await exportPKCS8(pair.privateKey) });
    for (const publicKey of [await exportSPKI(pair.publicKey), { ...(await exportJWK(pair.publicKey)), kty: 'any' }]) {
      const jwk =
        typeof publicKey === 'string'
          ? publicKey
          : { ...publicKey, kty: String((await exportJWK(pair.publicKey)).kty) };
      const login = await verifierOf({ id, algorithm, publicKey: jwk }).verify(token);
      expect(login).toMatchObject({ app: id, user: aciOf(id, 'alice') });
      expect(login.reset).toBeUndefined();
    }
  });

  test('the name of the user does not leave the verifier', async () => {
    const login = await hs256().verify(
      await mintToken({ app: id, user: 'a very special name', key: secret, reset: true }),
    );
    expect(JSON.stringify(login)).not.toContain('special');
  });

  test('the claim that permits a reset comes with its age and a name of the token', async () => {
    const login = await hs256().verify(await mintToken({ app: id, user: 'alice', key: secret, reset: true }));
    expect(login.reset?.hash).toHaveLength(32);
    expect(Math.abs((login.reset?.issuedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    const untrue = claims().setIssuedAt();
    const token = await new SignJWT({ [RESET_CLAIM]: 'true' })
      .setIssuer(id)
      .setAudience(TOKEN_AUDIENCE)
      .setSubject('a')
      .setIssuedAt()
      .setExpirationTime('1h')
      .setProtectedHeader({ alg: 'HS256' })
      .sign(key);
    expect((await hs256().verify(token)).reset).toBeUndefined();
    expect((await hs256().verify(await sign(untrue))).reset).toBeUndefined();
  });

  test('audience, expiry, subject and issuer are required', async () => {
    const verify = async (jwt: SignJWT) => codeOf(hs256().verify(await sign(jwt)));
    expect(await verify(claims())).toBe('accepted');
    expect(await verify(claims().setAudience('others'))).toBe('token-invalid');
    expect(await verify(new SignJWT({}).setIssuer(id).setAudience(TOKEN_AUDIENCE).setSubject('a'))).toBe(
      'token-invalid',
    );
    expect(await verify(new SignJWT({}).setIssuer(id).setAudience(TOKEN_AUDIENCE).setExpirationTime('1h'))).toBe(
      'token-invalid',
    );
    expect(await verify(claims().setSubject(''))).toBe('token-invalid');
    expect(await verify(claims().setNotBefore('10m'))).toBe('token-invalid');
    expect(await verify(claims().setExpirationTime('-1m'))).toBe('token-expired');
    expect(await verify(claims().setIssuer('others'))).toBe('app-unknown');
    expect(await verify(new SignJWT({}).setAudience(TOKEN_AUDIENCE).setSubject('a').setExpirationTime('1h'))).toBe(
      'token-invalid',
    );
    expect(await codeOf(hs256().verify(''))).toBe('token-missing');
    expect(await codeOf(hs256().verify('x'.repeat(9_000)))).toBe('token-invalid');
  });

  test('the algorithm is pinned: no "none", no HS256 with the public key as secret, no other strength', async () => {
    const none = new UnsecuredJWT({})
      .setIssuer(id)
      .setAudience(TOKEN_AUDIENCE)
      .setSubject('a')
      .setExpirationTime('1h')
      .encode();
    expect(await codeOf(hs256().verify(none))).toBe('token-invalid');
    expect(await codeOf(hs256().verify(await sign(claims(), 'HS512')))).toBe('token-invalid');
    const pair = await generateKeyPair('RS256', { extractable: true });
    const publicKey = await exportSPKI(pair.publicKey);
    const forged = await claims().setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(publicKey));
    expect(await codeOf(verifierOf({ id, algorithm: 'RS256', publicKey }).verify(forged))).toBe('token-invalid');
  });

  test('one app’s key signs for no other', async () => {
    const verifier = verifierOf(
      { id, algorithm: 'HS256', secret },
      { id: 'other' as AppId, algorithm: 'HS256', secret: secret.toUpperCase() },
    );
    const forged = await mintToken({ app: 'other', user: 'alice', key: secret });
    expect(await codeOf(verifier.verify(forged))).toBe('token-invalid');
  });

  test('a short secret and an unknown algorithm are refused at the start', () => {
    expect(appConfig.safeParse({ id, algorithm: 'HS256', secret: 'short' }).success).toBe(false);
    expect(appConfig.safeParse({ id, algorithm: 'none', publicKey: 'x' }).success).toBe(false);
    expect(appConfig.safeParse({ id: 'Not An Id', algorithm: 'HS256', secret }).success).toBe(false);
  });
});

describe('keys by URL', () => {
  let server: Server;
  let keys: unknown[] = [];
  let fetches = 0;

  beforeAll(async () => {
    server = createServer((_request, response) => {
      fetches++;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => {
    server.close();
  });

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    return () => vi.useRealTimers();
  });

  /** Its tokens do not name it: each key of the set is tried. */
  async function namedPair(kid: string) {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const key = await exportPKCS8(pair.privateKey);
    return {
      jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256' },
      token: () => mintToken({ app: id, user: 'alice', algorithm: 'ES256', key }),
    };
  }

  test('are fetched once and kept; an endpoint that is away means "unavailable", not "invalid"', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }];
    const { port } = server.address() as AddressInfo;
    const verifier = verifierOf({ id, algorithm: 'ES256', jwksUrl: `http://127.0.0.1:${port}/jwks` });
    const token = await mintToken({
      app: id,
      user: 'alice',
      algorithm: 'ES256',
      key: await exportPKCS8(pair.privateKey),
    });
    await verifier.verify(token);
    await verifier.verify(token);
    expect(fetches).toBe(1);
    const away = verifierOf({ id, algorithm: 'ES256', jwksUrl: 'http://127.0.0.1:1/jwks' });
    expect(await codeOf(away.verify(token))).toBe('unavailable');
  });

  test('a key that has left the set counts no more, also for whoever logged in before; the others stay', async () => {
    const [one, two] = [await namedPair('one'), await namedPair('two')];
    keys = [one.jwk, two.jwk];
    const { port } = server.address() as AddressInfo;
    const registry = registryOf({ id, algorithm: 'ES256', jwksUrl: `http://127.0.0.1:${port}/jwks` });
    const verifier = tokenVerifier(registry, systemClock);
    const logins = [await verifier.verify(await one.token()), await verifier.verify(await two.token())];
    const accepted = () => logins.map(({ key = '' }) => registry.acceptsKey(id, key, systemClock.now()));
    expect(accepted()).toEqual([true, true]);
    keys = [two.jwk];
    await registry.renewKeys();
    expect(accepted()).toEqual([true, true]);
    vi.setSystemTime(Date.now() + 10 * 60_000);
    await registry.renewKeys();
    expect(accepted()).toEqual([false, true]);
  });
});
