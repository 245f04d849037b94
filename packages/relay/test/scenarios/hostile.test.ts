import {
  bundlesRequest,
  ERROR_CODES,
  hello,
  putDeviceListRequest,
  putPreKeysRequest,
  registerRequest,
  ROUTES,
  type up,
} from '@sotto/protocol';
import { safeParse } from '@sotto/protocol/schema';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';

import { createRelayCore, localBus, type RelayCore } from '../../src/index.js';
import type { Relay } from '../../src/index.js';
import type { Session } from '../../src/gateway/session.js';
import { memoryStore } from '../../src/store/memory/memory-store.js';
import { tokenVerifier } from '../../src/auth/token-verifier.js';
import { systemClock } from '../../src/platform.js';
import { registryOf } from '../support/apps.js';
import { connect, helloOf, messageTo, newUser, TEST_APP, type TestDevice } from '../support/device.js';
import { testRelay } from '../support/relay.js';

const RUNS = { numRuns: 1_500 };

let relay: Relay;
let alice: TestDevice;
let bob: TestDevice;
const failures: unknown[] = [];
const rejections: unknown[] = [];
const onRejection = (reason: unknown) => rejections.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onRejection);
  const ample = { points: 1_000_000, seconds: 60 };
  const names = [
    'requestsPerUser',
    'requestsPerAddress',
    'registrationsPerUser',
    'registrationsPerAddress',
    'connectionsPerAddress',
  ];
  relay = await testRelay({ limits: Object.fromEntries(names.map((name) => [name, ample])) });
  [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
});

afterAll(async () => {
  process.off('unhandledRejection', onRejection);
  await relay.close();
});

/** Values that real bugs are made of, besides what fast-check invents. */
const nasty = fc.oneof(
  fc.anything({ withBigInt: false, withDate: true, withTypedArray: true, withNullPrototype: true, maxDepth: 3 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom<unknown>(
    -1,
    0,
    1e300,
    NaN,
    Infinity,
    2 ** 53,
    '',
    '\0',
    '__proto__',
    '\u{d800}',
    [],
    {},
    null,
    undefined,
    true,
  ),
);

/** A valid message in which any one part is replaced, removed or added to. */
function mutated(valid: unknown): fc.Arbitrary<unknown> {
  return fc.tuple(fc.nat(), nasty, fc.constantFrom('replace', 'remove', 'add')).map(([where, value, how]) => {
    const copy = structuredClone(valid);
    const spots = spotsOf(copy);
    const spot = spots[where % spots.length];
    if (!spot) return value;
    if (how === 'remove') Reflect.deleteProperty(spot.holder, spot.key);
    else Reflect.set(spot.holder, how === 'add' ? `${spot.key}x` : spot.key, value);
    return copy;
  });
}

interface Spot {
  holder: object;
  key: string;
}

function spotsOf(value: unknown): Spot[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...spotsOf(inner)]);
}

function asMessage() {
  const message = messageTo(bob);
  return { ...message, id: Buffer.from(message.id), payloads: message.payloads.map((payload) => Buffer.from(payload)) };
}

async function quietCore(): Promise<{ core: RelayCore; session: Session }> {
  const store = memoryStore();
  const core = await createRelayCore({
    store,
    bus: localBus(),
    verifier: tokenVerifier(registryOf({ ...TEST_APP, origins: [] }), systemClock),
    onError: (error) => failures.push(error),
  });
  const login = await core.verifier.verify(alice.token);
  const keys = {
    identityKey: alice.identityKey as Uint8Array<ArrayBuffer>,
    attempt: Buffer.alloc(32, 7) as Uint8Array<ArrayBuffer>,
  };
  const registered = await core.directory.register(login, keys);
  const session = core.open(await core.admit(helloOf({ ...alice, ...registered })), {
    emit: () => undefined,
    close: () => undefined,
  });
  return { core, session };
}

const valid: Record<keyof typeof up, () => unknown> = {
  submit: asMessage,
  ack: () => ({ seq: 1, id: Buffer.alloc(16) }),
  token: () => ({ token: 'x' }),
  join: () => ({ topic: Buffer.alloc(32, 1), tag: Buffer.alloc(16), will: Buffer.alloc(8) }),
  leave: () => ({ topic: Buffer.alloc(32, 1) }),
  publish: () => ({ topic: Buffer.alloc(32, 1), payload: Buffer.alloc(8) }),
};

test('every socket event, thousands of mutated messages: each gets a coded answer, never "internal"', async () => {
  const { session } = await quietCore();
  const events = fc.constantFrom(...(Object.keys(valid) as (keyof typeof up)[]));
  await fc.assert(
    fc.asyncProperty(
      events.chain((event) => fc.tuple(fc.constant(event), fc.oneof(nasty, mutated(valid[event]())))),
      async ([event, message]) => {
        const reply = await session.handle(event, message);
        if (reply.ok) return;
        expect(reply.error.code in ERROR_CODES).toBe(true);
        expect(ERROR_CODES[reply.error.code].status).toBeLessThan(500);
      },
    ),
    RUNS,
  );
  expect(session.isOpen).toBe(true);
  expect(failures).toEqual([]);
});

test('thousands of mutated hellos are refused with a code', async () => {
  const { core } = await quietCore();
  expect(safeParse(hello, helloOf(alice)).success).toBe(true);
  await fc.assert(
    fc.asyncProperty(fc.oneof(nasty, mutated(helloOf(alice))), async (input) => {
      const refusal = await core.admit(input).then(
        () => null,
        (error: unknown) => error as { status?: number },
      );
      if (refusal) expect(refusal.status).toBeLessThan(500);
    }),
    RUNS,
  );
  expect(failures).toEqual([]);
});

test('every HTTP route, with mutated bodies: 4xx or success, never 5xx, always a code', async () => {
  const bodies = {
    register: { schema: registerRequest, body: { identityKey: 'x'.repeat(44), attempt: 'x'.repeat(43) } },
    putDeviceList: { schema: putDeviceListRequest, body: { record: 'e30', signature: 'x'.repeat(86) } },
    putPreKeys: {
      schema: putPreKeysRequest,
      body: { oneTimePreKeys: [{ id: 1, key: 'x'.repeat(44) }], kemPreKeys: [], replace: false },
    },
    bundles: { schema: bundlesRequest, body: { devices: [1] } },
  } as const;
  const names = fc.constantFrom(...(Object.keys(bodies) as (keyof typeof bodies)[]));
  const input = names.chain((name) =>
    fc.tuple(fc.constant(name), fc.oneof(fc.json(), mutated(bodies[name].body), fc.string())),
  );
  await fc.assert(
    fc.asyncProperty(input, async ([name, body]) => {
      const path = ROUTES[name].path.replace(':user', bob.user);
      const response = await fetch(relay.url + path, {
        method: ROUTES[name].method,
        headers: {
          authorization: `Bearer ${alice.token}`,
          'sotto-device': `1.${Buffer.from(alice.secret).toString('base64url')}`,
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const answer = (await response.json()) as { code?: string };
      expect(response.status).toBeLessThan(500);
      if (!response.ok) expect(answer.code !== undefined && answer.code in ERROR_CODES).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('random bytes on the raw WebSocket end that connection, and disturb nobody', async () => {
  const bobSocket = await connect(bob);
  await bobSocket.next('drained');
  const frames = fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 50 })), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(frames, (payloads) => throwAt(payloads)),
    { numRuns: 200 },
  );
  const aliceSocket = await connect(alice, { epoch: 50 });
  expect(await aliceSocket.submit(messageTo(bob))).toMatchObject({ ok: true });
  await bobSocket.delivered(1);
  expect(rejections).toEqual([]);
});

test('long-polling knows GET and POST; any other method is refused, not a failure', async () => {
  const base = `${relay.url}/v1/socket/?EIO=4&transport=polling`;
  const opened = await (await fetch(base)).text();
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const response = await fetch(`${base}&sid=${sid}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, POST');
  }
});

/** Opens the transport, throws the frames, and leaves when the relay hangs up or has answered a ping of ours. */
function throwAt(payloads: (Uint8Array | string)[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/v1/socket/?EIO=4&transport=websocket`);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve();
    });
    socket.on('pong', () => {
      socket.terminate();
    });
    socket.on('open', () => {
      for (const payload of payloads) socket.send(payload);
      socket.ping();
    });
  });
}
