import { ROUTES, toBase64Url, up, type AppId, type Envelope, type UpEvent } from '@sotto/protocol';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { newAdminToken } from '../../src/admin/admin-tokens.js';
import type { Relay } from '../../src/index.js';
import {
  auth,
  codeOf,
  connect,
  http,
  listBody,
  messageTo,
  newUser,
  preKeysBody,
  random,
  TEST_APP,
  tokenFor,
  type Answer,
  type TestDevice,
  type TestSocket,
} from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { testRelay } from '../support/relay.js';

/**
 * Mallory has everything that a user of app `acme` can have, the key of that app's backend, and somehow Bob's device
 * secret; Bob and Carol are users of app `rival` on the same relays. Nothing of `rival` is seen, reached or changed.
 */
const RIVAL = { id: 'rival' as AppId, secret: 'another test secret of more than 32 bytes' };
const admin = newAdminToken();

let postgres: PostgresServer;
let redis: RedisServer;
let database: pg.Client;
let north: Relay;
let south: Relay;
let mallory: TestDevice;
let bob: TestDevice;
let carol: TestDevice;
let bobSocket: TestSocket;
let letter: Envelope;
let bobsLinkToken: string;
const topic = random(32);

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres({ fsync: false }), startRedis()]);
  const databaseUrl = await postgres.newDatabase();
  const apps = [
    { ...TEST_APP, origins: [] },
    { ...RIVAL, algorithm: 'HS256' as const, origins: [] },
  ];
  const adminTokens = [{ name: 'root', hash: admin.hash }];
  const config = { databaseUrl, redisUrl: redis.url, apps, adminTokens, adminPort: 0 };
  [north, south] = await Promise.all([testRelay(config), testRelay(config)]);
  database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();

  mallory = await newUser(north.url, 'mallory');
  [bob, carol] = [await newUser(south.url, 'bob', { app: RIVAL }), await newUser(south.url, 'carol', { app: RIVAL })];
  for (const device of [mallory, bob]) await put(device, preKeysBody(5, 5));
  const link = await http(south.url, ROUTES.linkToken, auth(bob));
  bobsLinkToken = (link.body as { linkToken: string }).linkToken;
  const carolSocket = await connect(carol);
  await carolSocket.submit(messageTo(bob));
  carolSocket.close();
  // Bob is online, on the other node, in a topic, and has read nothing yet.
  bobSocket = await connect(bob);
  [letter] = (await bobSocket.delivered(1)) as [Envelope];
  await bobSocket.send('join', { topic: Buffer.from(topic), tag: Buffer.from(random(16)) });
  await bobSocket.next('drained');
});

afterAll(async () => {
  await database.end();
  await Promise.all([north.close(), south.close()]);
  await Promise.all([postgres.remove(), redis.remove()]);
});

const put = (device: TestDevice, body: unknown) => http(device.url, ROUTES.putPreKeys, { ...auth(device), body });
const of = (route: { method: string; path: string }, device: TestDevice) => ({
  ...route,
  path: route.path.replace(':user', device.user),
});

/** Every row of the app in every table that has an app column, as text. */
async function rowsOf(app: AppId): Promise<Map<string, string[]>> {
  const { rows: tables } = await database.query<{ name: string }>(
    `SELECT c.table_name AS name FROM information_schema.columns c
     WHERE c.table_schema = 'public' AND c.column_name = 'app' ORDER BY 1`,
  );
  const found = new Map<string, string[]>();
  for (const { name } of tables) {
    const { rows } = await database.query<{ row: string }>(
      `SELECT t::text AS row FROM ${name} t WHERE app = $1 ORDER BY 1`,
      [app],
    );
    found.set(
      name,
      rows.map(({ row }) => row),
    );
  }
  return found;
}

/** Runs an attack; nothing of `rival` may have changed, Bob may have heard nothing, and no answer may hold what is Bob's. */
async function attack<T>(run: () => Promise<T>): Promise<T> {
  const [before, heard] = [await rowsOf(RIVAL.id), bobSocket.received.length];
  const result = await run();
  expect(await rowsOf(RIVAL.id)).toEqual(before);
  expect(bobSocket.received.slice(heard)).toEqual([]);
  expect(bobSocket.socket.connected).toBe(true);
  const text = JSON.stringify(result ?? null);
  const secrets = [bob.identityKey, bob.secret, letter.payload, letter.id].flatMap((bytes) => [
    toBase64Url(bytes),
    Buffer.from(bytes).toString('hex'),
    Buffer.from(bytes).toJSON().data.join(','),
  ]);
  for (const secret of secrets) expect(text).not.toContain(secret);
  return result;
}

/** Both ways to be somebody else: an own token with Bob's device secret, and a token that names his app. */
async function asBob(): Promise<Record<string, { token: string; device: TestDevice; code: string }>> {
  return {
    'own token, his device': { token: mallory.token, device: bob, code: 'device-unknown' },
    'his name in the own app': { token: await tokenFor('bob'), device: bob, code: 'device-unknown' },
    'his app by the own key': { token: await tokenFor('bob', { app: RIVAL.id }), device: bob, code: 'token-invalid' },
  };
}

/** What else each route could be tried with; the three ways above are tried on every one of them. */
const HTTP: Record<keyof typeof ROUTES, { body?: () => unknown; own: () => Promise<Answer>; refusal: string }> = {
  register: {
    body: () => ({
      identityKey: toBase64Url(bob.identityKey),
      attempt: toBase64Url(random(32)),
      linkToken: bobsLinkToken,
    }),
    own: () => {
      const body = {
        identityKey: toBase64Url(mallory.identityKey),
        attempt: toBase64Url(random(32)),
        linkToken: bobsLinkToken,
      };
      return http(north.url, ROUTES.register, { token: mallory.token, body });
    },
    refusal: 'link-token-invalid',
  },
  getDevices: {
    own: () =>
      http(
        north.url,
        { ...ROUTES.getDevices, path: `${ROUTES.getDevices.path}?user=${bob.user}&app=rival` },
        auth(mallory),
      ),
    refusal: 'own devices only',
  },
  putDeviceList: {
    body: () => listBody(bob, bob.listVersion + 1, []),
    own: () =>
      http(north.url, ROUTES.putDeviceList, { ...auth(mallory), body: listBody(bob, bob.listVersion + 1, []) }),
    refusal: 'bad-request',
  },
  getDeviceList: { own: () => http(north.url, of(ROUTES.getDeviceList, bob), auth(mallory)), refusal: 'user-unknown' },
  linkToken: { own: () => http(north.url, ROUTES.linkToken, auth(mallory)), refusal: 'one of the own' },
  putPreKeys: {
    body: () => preKeysBody(1, 1, { replace: true }),
    own: () => put(mallory, preKeysBody(1, 1, { replace: true })),
    refusal: 'own prekeys only',
  },
  bundles: {
    body: () => ({ devices: [1] }),
    own: () => http(north.url, of(ROUTES.bundles, bob), { ...auth(mallory), body: { devices: [1] } }),
    refusal: 'user-unknown',
  },
  removeSelf: {
    own: async () => {
      const other = await newUser(north.url, 'bob');
      return http(north.url, ROUTES.removeSelf, auth(other));
    },
    refusal: 'the own device only',
  },
};

interface Described {
  paths: Record<string, Record<string, { operationId: string }>>;
}

async function operationsOf(url: string): Promise<string[]> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as Described;
  return Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
}

describe('HTTP', () => {
  test('every route that the relay describes has its case', async () => {
    expect((await operationsOf(north.url)).sort()).toEqual(Object.keys(HTTP).sort());
  });

  test.each(Object.keys(HTTP) as (keyof typeof ROUTES)[])('%s', async (name) => {
    const { body, own, refusal } = HTTP[name];
    for (const [way, { token, device, code }] of Object.entries(await asBob())) {
      // Registering takes no device: as a user of the own app that merely has Bob's name one may.
      if (name === 'register' && code === 'device-unknown') continue;
      const given = body ? { body: body() } : {};
      const answer = await attack(() => http(north.url, of(ROUTES[name], bob), { token, device, ...given }));
      expect([way, codeOf(answer)]).toEqual([way, code]);
    }
    const answer = await attack(own);
    if (refusal.includes(' ')) expect(answer.status).toBe(200);
    else expect(codeOf(answer)).toBe(refusal);
  });

  test('a user of the own app with Bob’s name, key and attempt becomes another device of another user', async () => {
    const [name, body] = ['bob-too', { identityKey: toBase64Url(bob.identityKey), attempt: toBase64Url(random(32)) }];
    const answers = [
      await http(north.url, ROUTES.register, { token: await tokenFor(name), body }),
      await http(north.url, ROUTES.register, {
        token: await tokenFor(name, { app: RIVAL.id, key: RIVAL.secret }),
        body,
      }),
    ];
    const [here, there] = answers.map((answer) => answer.body as { user: string; secret: string });
    expect(here?.user).not.toBe(there?.user);
    expect(here?.secret).not.toBe(there?.secret);
  });

  test('what the cases hold against Bob does work for Carol, who is in his app', async () => {
    expect((await http(south.url, of(ROUTES.getDeviceList, bob), auth(carol))).status).toBe(200);
    const answer = await http(south.url, of(ROUTES.bundles, bob), { ...auth(carol), body: { devices: [1] } });
    expect(answer.body).toMatchObject({ bundles: [{ device: 1 }], identityKey: toBase64Url(bob.identityKey) });
  });
});

/** What Mallory's own socket could be told to do to Bob. */
const EVENTS: Record<UpEvent, (socket: TestSocket) => Promise<unknown>> = {
  async submit(socket) {
    expect(await socket.submit(messageTo(bob, { complete: false }))).toEqual({ ok: true, outcomes: ['device-gone'] });
    const reply = await socket.submit(messageTo(bob));
    const stale = [{ user: bob.user, version: 0, missing: [], gone: [{ device: 1, registration: bob.registration }] }];
    expect(reply).toMatchObject({ ok: false, error: { code: 'stale-device-list', stale } });
    return reply;
  },
  async ack(socket) {
    const reply = await socket.ack(letter);
    expect(reply).toMatchObject({ ok: false, error: { code: 'ack-refused' } });
    return reply;
  },
  async token(socket) {
    const replies = await Promise.all(
      [bob.token, await tokenFor('bob'), await tokenFor('mallory', { app: RIVAL.id, key: RIVAL.secret })].map((token) =>
        socket.send('token', { token }),
      ),
    );
    for (const reply of replies) expect(reply).toMatchObject({ ok: false, error: { code: 'wrong-user' } });
    return replies;
  },
  async join(socket) {
    const will = Buffer.from(random(40));
    const reply = await socket.send('join', { topic: Buffer.from(topic), tag: Buffer.from(random(16)), will });
    expect(reply).toEqual({ ok: true });
    return reply;
  },
  publish: (socket) => socket.send('publish', { topic: Buffer.from(topic), payload: Buffer.from('to Bob') }),
  leave: (socket) => socket.send('leave', { topic: Buffer.from(topic) }),
};

describe('sockets', () => {
  test('every event has its case', () => {
    expect(Object.keys(EVENTS).sort()).toEqual(Object.keys(up).sort());
  });

  test.each(['north', 'south'])('from a socket at %s', async (place) => {
    const { url } = place === 'north' ? north : south;
    const socket = await connect(mallory, { url, epoch: place === 'north' ? 2 : 3 });
    await socket.next('drained');
    for (const run of Object.values(EVENTS)) await attack(() => run(socket));
    socket.close();
  });

  test('opens for nobody but the device itself', async () => {
    for (const { token, code } of Object.values(await asBob())) {
      const stolen = { ...bob, token };
      await attack(async () => {
        await expect(connect(stolen, { url: north.url, epoch: 9 })).rejects.toThrow(code);
      });
    }
  });

  test('what the cases hold against Bob does work for Carol', async () => {
    const socket = await connect(carol, { url: north.url, epoch: 5 });
    await socket.next('drained');
    expect(await socket.submit(messageTo(bob))).toMatchObject({ outcomes: ['stored'] });
    await socket.send('join', { topic: Buffer.from(topic), tag: Buffer.from(random(16)) });
    await socket.send('publish', { topic: Buffer.from(topic), payload: Buffer.from('to Bob') });
    await bobSocket.delivered(2);
    expect(Buffer.from((await bobSocket.next('topic')).payload).toString()).toBe('to Bob');
    socket.close();
  });
});

describe('administration', () => {
  test('opens for no user, no app key, no device secret, on no route', async () => {
    const url = north.adminUrl ?? '';
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as Described;
    const tokens = [mallory.token, TEST_APP.secret, toBase64Url(mallory.secret), admin.hash, ''];
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        for (const token of tokens) {
          const answer = await attack(() =>
            http(url, { method: method.toUpperCase(), path: path.replace('{app}', RIVAL.id) }, { token }),
          );
          expect(['admin-token-invalid', 'rate-limited']).toContain(codeOf(answer));
        }
      }
    }
    expect((await http(north.url, { method: 'GET', path: '/admin/v1/apps' }, { token: admin.token })).status).toBe(404);
  });
});

test('rows of the app were looked at in every table that has some', async () => {
  const rows = await rowsOf(RIVAL.id);
  for (const table of [
    'users',
    'devices',
    'mailboxes',
    'envelopes',
    'dedupes',
    'prekeys',
    'spent_prekeys',
    'link_tokens',
  ]) {
    expect([table, (rows.get(table)?.length ?? 0) > 0]).toEqual([table, true]);
  }
});
