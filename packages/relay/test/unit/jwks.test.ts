import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair, importJWK, type CryptoKey, type FlattenedJWSInput, type JWK } from 'jose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { publicKeyId, remoteKeys, type RemoteKeys } from '../../src/apps/jwks.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** `remoteKeys` looks at the header alone. */
const TOKEN = { payload: '', signature: '' } satisfies FlattenedJWSInput;

let server: Server;
let url: string;
let paths: string[];
let answer: RequestListener;
let errors: unknown[];

beforeEach(async () => {
  // Time alone is held: sockets and their time-outs go on.
  vi.useFakeTimers({ toFake: ['Date'] });
  [paths, errors] = [[], []];
  server = createServer((request, response) => {
    paths.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});

afterEach(() => {
  vi.useRealTimers();
  server.closeAllConnections();
  server.close();
});

const wait = (ms: number) => vi.setSystemTime(Date.now() + ms);

async function keyNamed(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(publicKey)), kid, alg: 'ES256' };
}

const serve =
  (...keys: JWK[]): RequestListener =>
  (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  };
const away: RequestListener = (_request, response) => {
  response.writeHead(503).end();
};

/** Asks for a key by its name: `found`, or the code of the failure. */
function asking() {
  const keys = remoteKeys(url, (error) => void errors.push(error));
  return askingOf(keys);
}

function askingOf(keys: RemoteKeys) {
  return async (kid: string) => {
    try {
      await keys.find({ alg: 'ES256', kid }, TOKEN);
      return 'found';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
}

const MISSING = 'ERR_JWKS_NO_MATCHING_KEY';

test('a key that is new to us is fetched, but not more often than every 30 s, however many tokens name nonsense', async () => {
  const [one, two] = [await keyNamed('one'), await keyNamed('two')];
  answer = serve(one);
  const ask = asking();
  expect(await ask('one')).toBe('found');
  answer = serve(two, one);
  for (let guess = 0; guess < 50; guess++) expect(await ask(`guess-${guess}`)).toBe(MISSING);
  expect(await ask('two')).toBe(MISSING);
  expect(paths).toHaveLength(1);
  wait(30_001);
  expect(await ask('two')).toBe('found');
  for (let guess = 0; guess < 50; guess++) expect(await ask(`guess-${guess}`)).toBe(MISSING);
  expect(paths).toHaveLength(2);
  expect(errors).toEqual([]);
});

test('a key that was taken out of the set is refused when the set is ten minutes old', async () => {
  const [one, two] = [await keyNamed('one'), await keyNamed('two')];
  answer = serve(one, two);
  const ask = asking();
  expect(await ask('one')).toBe('found');
  answer = serve(two);
  wait(10 * MINUTE - 1);
  expect(await ask('one')).toBe('found');
  wait(1);
  expect(await ask('one')).toBe(MISSING);
  expect(await ask('two')).toBe('found');
});

test('which keys a set holds is known without a login, of the last good one', async () => {
  const [one, two] = [await keyNamed('one'), await keyNamed('two')];
  const keys = remoteKeys(url, (error) => void errors.push(error));
  const idOf = async (key: JWK) => publicKeyId((await importJWK(key)) as CryptoKey);
  const [idOne, idTwo] = [await idOf(one), await idOf(two)];
  const held = () => [keys.holds(idOne), keys.holds(idTwo)];
  answer = serve(one, two);
  await keys.renew();
  // Nobody has needed it yet.
  expect([paths.length, held()]).toEqual([0, [true, true]]);
  expect(await askingOf(keys)('one')).toBe('found');
  expect(held()).toEqual([true, true]);

  answer = serve({ ...two, kid: 'another name' });
  await keys.renew();
  expect([paths.length, held()]).toEqual([1, [true, true]]);
  wait(10 * MINUTE);
  for (const poor of [away, serve(), (_request, response) => void response.end('{"keys":1}')] as RequestListener[]) {
    const good = answer;
    answer = poor;
    await keys.renew();
    expect(held()).toEqual([true, true]);
    // Whoever has just failed is not asked again.
    const asked = paths.length;
    await keys.renew();
    expect(paths).toHaveLength(asked);
    wait(5_000);
    answer = good;
  }
  expect(errors).toHaveLength(3);
  await keys.renew();
  expect(held()).toEqual([false, true]);
});

test('a redirect is not followed: it could lead into the operator’s own network', async () => {
  const one = await keyNamed('one');
  answer = (request, response) => {
    if (request.url === '/jwks') response.writeHead(302, { location: '/inside' }).end();
    else serve(one)(request, response);
  };
  expect(await asking()('one')).toBe('keys-unavailable');
  expect(paths).toEqual(['/jwks']);
  expect(String(errors[0])).toContain('302');
});

test('a set beyond 256 KiB is refused, and not read to its end', async () => {
  const one = await keyNamed('one');
  const written = { bytes: 0 };
  let isCut: () => void = () => undefined;
  const cut = new Promise<void>((resolve) => (isCut = resolve));
  answer = (_request, response) => {
    response.once('close', isCut);
    response.write(`{"keys":[${JSON.stringify(one)}],"filling":"`);
    const chunk = 'x'.repeat(64 * 1024);
    const more = () => {
      while (!response.destroyed && response.write(chunk)) written.bytes += chunk.length;
      response.once('drain', more);
    };
    more();
  };
  expect(await asking()('one')).toBe('keys-unavailable');
  expect(String(errors[0])).toContain('too large');
  await cut;
  expect(written.bytes).toBeLessThan(64 * 1024 * 1024);
});

test('what is no key set is refused', async () => {
  for (const body of ['<html>', '{"keys":1}', '[]', '{"keys":[]}']) {
    answer = (_request, response) => response.end(body);
    expect(await asking()('one')).toBe('keys-unavailable');
  }
});

test('while its server is away the last good set serves for a day, and no longer; then it is asked again', async () => {
  const one = await keyNamed('one');
  answer = serve(one);
  const ask = asking();
  expect(await ask('one')).toBe('found');
  answer = away;
  for (const age of [11 * MINUTE, HOUR, 23 * HOUR - 12 * MINUTE]) {
    wait(age);
    expect(await ask('one')).toBe('found');
    // It may be one that the server has: waiting may help, so this is not "invalid".
    expect(await ask('two')).toBe('keys-unavailable');
  }
  wait(13 * MINUTE);
  expect(await ask('one')).toBe('keys-unavailable');
  answer = serve(one);
  wait(5_001);
  expect(await ask('one')).toBe('found');
});

test('a server that is away is not asked by every login', async () => {
  const one = await keyNamed('one');
  answer = away;
  const ask = asking();
  for (let login = 0; login < 20; login++) expect(await ask('one')).toBe('keys-unavailable');
  expect(paths).toHaveLength(1);
  answer = serve(one);
  expect(await ask('one')).toBe('keys-unavailable');
  wait(5_000);
  expect(await ask('one')).toBe('found');
  expect(paths).toHaveLength(2);
});
