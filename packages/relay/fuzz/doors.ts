import { randomBytes } from 'node:crypto';

import { hello, SOCKET_PATH, up } from '@sotto/protocol';
import fc from 'fast-check';
import * as s from '@sotto/protocol/schema';

import { helloOf, http, open, type TestDevice } from '../test/support/device.js';
import { Attacker, complaint, PATIENCE_MS } from './attacker.js';
import { inputsFor, nasty, stream, type JsonSchema, type Known } from './inputs.js';
import { rawHttpDoor, rawSocketDoor } from './raw-doors.js';

/** A way into the relay, and what is thrown through it. */
export interface Door {
  name: string;
  /** Share of all inputs, relative to the others. */
  weight: number;
  /** Throws the next input; resolves to why the reaction was wrong, or null. */
  attack(): Promise<string | null>;
  stop?(): void;
}

interface OpenApi {
  paths: Record<string, Record<string, { operationId?: string; requestBody?: { content: Record<string, Content> } }>>;
}
interface Content {
  schema: JsonSchema;
}

/** Every socket event of the protocol and every operation that the relay itself describes: a new one is attacked by itself. */
export async function allDoors(url: string, seed: number, victim: TestDevice): Promise<Door[]> {
  const known = knownOf(victim);
  const operations = await operationsOf(url);
  const events = Object.entries(up).map(([event, schema]) => ({
    event,
    schema: s.toJsonSchema(schema, 'input'),
  }));
  return [
    ...events.map(({ event, schema }, at) => eventDoor(url, event, inputsFor(schema, known), seed + at)),
    eventDoor(url, null, nasty, seed + 50),
    ...operations.map((operation, at) => routeDoor(url, operation, known, seed + 100 + at)),
    helloDoor(url, known, victim, seed + 200),
    rawHttpDoor(url, seed + 300, { name: 'raw HTTP', post: '/v1/devices', token: 'x' }),
    rawSocketDoor(url, seed + 400),
    pollingDoor(url, seed + 500),
  ];
}

/** One of an OpenAPI description; `{}` takes anything, or nothing. */
export interface Operation {
  method: string;
  path: string;
  schema: JsonSchema;
}

export async function operationsOf(url: string): Promise<Operation[]> {
  const api = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      schema: requestBody?.content['application/json']?.schema ?? {},
    })),
  );
}

function knownOf(victim: TestDevice): Known {
  return {
    strings: [victim.user, victim.app, victim.token],
    numbers: [0, 1, victim.device, victim.registration, victim.listVersion],
  };
}

/** One event over a real socket; null: events that do not exist. Sometimes with too few or too many arguments. */
function eventDoor(url: string, event: string | null, inputs: fc.Arbitrary<unknown>, seed: number): Door {
  const mallory = new Attacker(url, `mallory-${event ?? 'unknown'}`);
  const names = fc.string({ minLength: 1, maxLength: 30 }).filter((name) => !RESERVED.has(name));
  const supply = stream(fc.tuple(inputs, fc.integer({ min: 0, max: 20 }), names), seed);
  return {
    name: `socket ${event ?? 'unknown event'}`,
    weight: 8,
    stop: () => mallory.stop(),
    async attack() {
      const [input, how, name] = supply.next().value as [unknown, number, string];
      const socket = await mallory.socket();
      const args = how === 0 ? [] : how === 1 ? [input, input] : [input];
      if (how === 2) {
        // Nobody waits for an answer: the next attack shows whether the relay still listens.
        socket.emit(event ?? name, ...args);
        return null;
      }
      return answered(socket, event ?? name, args);
    },
  };
}

const RESERVED = new Set(['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']);

type Emitter = Awaited<ReturnType<Attacker['socket']>>;

function answered(socket: Emitter, event: string, args: unknown[]): Promise<string | null> {
  // Hung up on meanwhile, for what another attack did.
  if (!socket.connected) return Promise.resolve(null);
  return new Promise((resolve) => {
    const done = (why: string | null) => {
      clearTimeout(timer);
      socket.off('disconnect', hungUp);
      resolve(why);
    };
    // The relay may hang up on what is no packet at all.
    const hungUp = () => {
      done(null);
    };
    const timer = setTimeout(done, PATIENCE_MS, 'no answer');
    socket.once('disconnect', hungUp);
    socket.emit(event, ...args, (reply: { ok?: boolean; error?: unknown }) => {
      done(reply.ok === true ? null : complaint(reply.error));
    });
  });
}

function routeDoor(url: string, { method, path, schema }: Operation, known: Known, seed: number): Door {
  const mallory = new Attacker(url, `mallory${path.replaceAll(/\W+/g, '-')}-${method}`);
  const body = fc.oneof(
    { weight: 6, arbitrary: inputsFor(schema, known).map((value) => JSON.stringify(value) as string | undefined) },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: fc.json() },
  );
  const segment = fc.oneof(fc.constantFrom(...known.strings), fc.string({ maxLength: 40 }).map(encodeAnything));
  const headers = fc.oneof(
    { weight: 5, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...HEADERS), fc.string({ unit: 'grapheme-ascii' })) },
  );
  const supply = stream(fc.tuple(body, segment, headers, fc.constantFrom(method, method, method, ...METHODS)), seed);
  return {
    name: `http ${method} ${path}`,
    weight: 3,
    async attack() {
      const [text, user, extra, verb] = supply.next().value as [string | undefined, string, Headers, string];
      const device = await mallory.device();
      const hasBody = verb !== 'GET' && verb !== 'HEAD';
      const answer = await attempt(() =>
        http(
          url,
          { method: verb, path: path.replaceAll(/\{\w+\}/g, user) },
          { token: device.token, device, headers: extra, ...(hasBody && { body: text }) },
        ),
      );
      if (answer === null) return null;
      // A device that removed itself, or was replaced, makes way for the next.
      if (answer.status === 410 || answer.status === 401) mallory.renew();
      return verb === 'HEAD'
        ? answer.status >= 500
          ? `status ${answer.status}`
          : null
        : complaint(answer.body, answer.status);
    },
  };
}

type Headers = Record<string, string>;
export const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'];
export const HEADERS = [
  'authorization',
  'sotto-device',
  'sotto-version',
  'content-type',
  'content-encoding',
  'origin',
  'x-forwarded-for',
  'accept',
  'expect',
];

export function encodeAnything(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '?'));
}

/** Null when the request itself cannot be made: `fetch` refuses some headers before they leave. */
export async function attempt<T>(request: () => Promise<T>): Promise<T | null> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const code = error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : '';
    if (!/fetch failed/.test(error.message) || /^UND_ERR_(INVALID_ARG|NOT_SUPPORTED)$/.test(code)) return null;
    throw new Error(`the request failed: ${code} ${String(error.cause)}`, { cause: error });
  }
}

function helloDoor(url: string, known: Known, victim: TestDevice, seed: number): Door {
  const schema = s.toJsonSchema(hello, 'input') as JsonSchema;
  const almost = fc.tuple(fc.constantFrom(...Object.keys(helloOf(victim))), nasty).map(([key, value]) => ({
    ...helloOf(victim),
    // Another secret: whoever guesses everything else is still nobody.
    secret: randomBytes(32).toString('base64url'),
    [key]: value,
  }));
  const supply = stream(fc.oneof(inputsFor(schema, known), almost), seed);
  return {
    name: 'hello',
    weight: 3,
    attack: () =>
      new Promise((resolve) => {
        const input = supply.next().value as unknown;
        const auth = typeof input === 'object' && input !== null ? input : { input };
        const socket = open(url, auth);
        const done = (why: string | null) => {
          clearTimeout(timer);
          socket.disconnect();
          resolve(why);
        };
        const timer = setTimeout(done, PATIENCE_MS, 'no answer');
        socket.once('connect', () => {
          done('a stranger was let in');
        });
        socket.once('disconnect', () => {
          done(null);
        });
        socket.once('connect_error', (error: Error & { data?: unknown }) => {
          done(error.data === undefined ? null : complaint(error.data));
        });
      }),
  };
}

/** Engine.IO's long-polling: handshakes, unknown sessions, bodies that are no packets. */
function pollingDoor(url: string, seed: number): Door {
  const query = fc.record(
    {
      EIO: fc.constantFrom('4', '3', '9', 'x'),
      transport: fc.constantFrom('polling', 'websocket', 'webtransport', '__proto__', ''),
      sid: fc.oneof(fc.constant('SID'), fc.string()),
      t: fc.string(),
    },
    { requiredKeys: ['EIO', 'transport'] },
  );
  const body = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '40',
      '4',
      '2probe',
      '\x1e',
      '4\x1e4',
      'b',
      'bAAAA',
      'b!',
      '40{',
      '451-[]',
      '1',
      '6',
      '40{"token":1}',
    ),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => `b${Buffer.from(bytes).toString('base64')}`),
  );
  const supply = stream(
    fc.tuple(query, fc.array(body, { maxLength: 3 }), fc.constantFrom('POST', 'GET', 'OPTIONS', 'PUT')),
    seed,
  );
  const base = `${url}${SOCKET_PATH}/`;
  return {
    name: 'long-polling',
    weight: 2,
    async attack() {
      const [asked, packets, method] = supply.next().value as [Record<string, string>, string[], string];
      const sid = asked['sid'] === 'SID' ? await newSession(base) : asked['sid'];
      const search = new URLSearchParams({ ...asked, ...(sid !== undefined && { sid }) }).toString();
      // A poll without news would wait for the next ping.
      const response = await fetch(`${base}?${search}`, {
        method,
        signal: AbortSignal.timeout(method === 'GET' ? 300 : PATIENCE_MS),
        ...(method === 'POST' && { body: packets.join('\x1e') }),
      }).catch((error: unknown) => error);
      if (!(response instanceof Response)) return method === 'GET' ? null : String(response);
      await response.arrayBuffer();
      return response.status >= 500 ? `status ${response.status}` : null;
    },
  };
}

async function newSession(base: string): Promise<string> {
  const text = await (await fetch(`${base}?EIO=4&transport=polling`)).text();
  return (JSON.parse(text.slice(1)) as { sid: string }).sid;
}
