import { ERROR_CODES, type AppId } from '@sotto/protocol';
import fc from 'fast-check';

import { ADMIN_ROUTES } from '../src/admin/admin-routes.js';
import { APP_ERRORS } from '../src/apps/app-error.js';
import { http, TEST_APP, tokenFor, tryRegister } from '../test/support/device.js';
import { complaint } from './attacker.js';
import { attempt, encodeAnything, HEADERS, METHODS, operationsOf, type Door, type Operation } from './doors.js';
import { allowed, inputsFor, stream, type JsonSchema, type Known } from './inputs.js';
import { rawHttpDoor } from './raw-doors.js';

/** The admin API of the relay, and a token that it takes. */
export interface AdminAccess {
  url: string;
  token: string;
}

/** What the admin API may answer with. */
const CODES = { ...ERROR_CODES, ...APP_ERRORS };

const SECRET = 'a secret of more than thirty-two bytes';

/** An id that exists now and then, one of the configuration, and what fields of an app take. */
const KNOWN: Known = {
  strings: ['shop', TEST_APP.id, SECRET, '*', 'https://shop.example', 'http://127.0.0.1:9/keys', 'key-1'],
  numbers: [0, 1, 60, Number.MAX_SAFE_INTEGER],
};

/** Every operation of the admin API, by admins and by strangers; raw bytes at its port; apps with any settings. */
export async function adminDoors(relayUrl: string, admin: AdminAccess, seed: number): Promise<Door[]> {
  const operations = await operationsOf(admin.url);
  return [
    ...operations.map((operation, at) => adminRouteDoor(admin, operation, seed + at)),
    rawHttpDoor(admin.url, seed + 50, {
      name: 'raw HTTP of the admin API',
      post: '/admin/v1/apps',
      token: admin.token,
    }),
    tenantDoor(relayUrl, admin, schemaOf(operations, 'createApp'), seed + 60),
  ];
}

function schemaOf(operations: readonly Operation[], name: keyof typeof ADMIN_ROUTES): JsonSchema {
  const { method, path } = ADMIN_ROUTES[name];
  const found = operations.find((operation) => operation.method === method && operation.path === path);
  if (!found) throw new Error(`the admin API does not describe ${name}`);
  return found.schema;
}

type Credentials = 'admin' | 'nobody' | { authorization: string };

/** Who knows no token learns nothing, whatever else is sent. */
function adminRouteDoor({ url, token }: AdminAccess, { method, path, schema }: Operation, seed: number): Door {
  const body = fc.oneof(
    { weight: 6, arbitrary: inputsFor(schema, KNOWN).map((value) => JSON.stringify(value) as string | undefined) },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: fc.json() },
  );
  const ids = fc.constantFrom('shop', 'shop', TEST_APP.id, '%', '%ff', '__proto__');
  const segment = fc.oneof(ids, fc.string({ maxLength: 80 }).map(encodeAnything));
  const query = fc.oneof(fc.constant(''), fc.constantFrom('?after=a&after=b', '?after[x]=1'), afterQuery);
  const credentials: fc.Arbitrary<Credentials> = fc.oneof(
    { weight: 6, arbitrary: fc.constant('admin' as const) },
    { weight: 1, arbitrary: fc.constant('nobody' as const) },
    { weight: 2, arbitrary: wrongAuthorization(token).map((authorization) => ({ authorization })) },
  );
  const headers = fc.oneof(
    { weight: 5, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...FREE_HEADERS), fc.string({ unit: 'grapheme-ascii' })) },
  );
  const verbs = fc.constantFrom(method, method, method, ...METHODS);
  const supply = stream(fc.tuple(body, segment, query, credentials, headers, verbs), seed);
  return {
    name: `admin ${method} ${path}`,
    weight: 2,
    async attack() {
      const [text, app, search, who, extra, verb] = supply.next().value as Throw;
      const hasBody = verb !== 'GET' && verb !== 'HEAD';
      const answer = await attempt(() =>
        http(
          url,
          { method: verb, path: path.replace('{app}', app) + search },
          {
            ...(who === 'admin' && { token }),
            headers: { ...extra, ...(typeof who === 'object' && who) },
            ...(hasBody && { body: text }),
          },
        ),
      );
      if (answer === null) return null;
      if (who !== 'admin' && answer.status < 400) return `a stranger was answered: ${answer.status}`;
      if (verb === 'HEAD') return answer.status >= 500 ? `status ${answer.status}` : null;
      return complaint(answer.body, answer.status, CODES);
    },
  };
}

type Throw = [string | undefined, string, string, Credentials, Record<string, string>, string];

/** Who somebody is, the door says itself. */
const FREE_HEADERS = HEADERS.filter((name) => name !== 'authorization');

const afterQuery = fc.string({ maxLength: 80 }).map((text) => `?after=${encodeAnything(text)}`);

function wrongAuthorization(token: string): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: 'grapheme-ascii', maxLength: 100 }),
    fc.constantFrom(`Bearer ${token}x`, `Bearer ${token.slice(0, -1)}`, `Basic ${token}`, `Bearer  ${token}`, token),
    fc.constantFrom('Bearer ', 'Bearer', `Bearer ${'x'.repeat(5_000)}`, `Bearer ${SECRET}`),
  );
}

/** Whatever settings the schema allows an app: who registers there is served, or refused with a code. */
function tenantDoor(relayUrl: string, admin: AdminAccess, schema: JsonSchema, seed: number): Door {
  const supply = stream(allowed(schema, KNOWN), seed);
  let count = 0;
  const call = ({ method, path }: { method: string; path: string }, id: AppId, body?: object) =>
    http(admin.url, { method, path: path.replace(':app', id) }, { token: admin.token, body });
  return {
    name: 'user of an app with any settings',
    weight: 2,
    async attack() {
      const settings = supply.next().value as object;
      const id = `tenant-${++count}` as AppId;
      const own = { id, algorithm: 'HS256', secret: SECRET, publicKey: undefined, jwksUrl: undefined, kid: undefined };
      const made = await call(ADMIN_ROUTES.createApp, id, { ...settings, ...own });
      if (made.status >= 400) return complaint(made.body, made.status, CODES);
      const token = await tokenFor('tenant', { app: id, key: SECRET });
      const { body, status } = await tryRegister(relayUrl, 'tenant', { token });
      const removed = await call(ADMIN_ROUTES.deleteApp, id);
      return complaint(body, status) ?? complaint(removed.body, removed.status, CODES);
    },
  };
}
