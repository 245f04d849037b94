import { randomBytes } from 'node:crypto';

import { PROTOCOL_VERSION, ROUTES, toBase64Url, VERSION_HEADER } from '@sotto/protocol';
import { afterAll, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import { LIMITS, type LimitName } from '../../src/limits/limits.js';
import {
  auth,
  codeOf,
  connect,
  http,
  messageTo,
  newUser,
  preKeysBody,
  tokenFor,
  type TestDevice,
  type TestSocket,
} from '../support/device.js';
import { testRelay } from '../support/relay.js';

const relays: Relay[] = [];
afterAll(() => Promise.all(relays.map((relay) => relay.close())));

/** Does what is limited, once. False: it was refused. */
type Act = (user: string, address: string) => Promise<boolean>;

const from = (address: string) => ({ 'x-forwarded-for': address });
const isAllowed = (code: string | undefined): boolean => {
  if (code !== undefined && code !== 'rate-limited') throw new Error(`refused for another reason: ${code}`);
  return code === undefined;
};

/** Users that are registered before anything is counted. */
function people(relay: Relay): (name: string) => Promise<TestDevice> {
  const known = new Map<string, Promise<TestDevice>>();
  return (name) => {
    const device = known.get(name) ?? newUser(relay.url, name);
    known.set(name, device);
    return device;
  };
}

function connections(relay: Relay): Act {
  const personOf = people(relay);
  return async (user, address) => {
    const device = await personOf(user);
    const refused = await connect(device, { headers: from(address) }).then(
      (socket) => {
        socket.close();
        return undefined;
      },
      (error: unknown) => (error as Error).message,
    );
    return isAllowed(refused);
  };
}

function registrations(relay: Relay): Act {
  return async (user, address) => {
    const body = { identityKey: toBase64Url(randomBytes(33).fill(5, 0, 1)), attempt: toBase64Url(randomBytes(32)) };
    const answer = await http(relay.url, ROUTES.register, {
      token: await tokenFor(user),
      body,
      headers: from(address),
    });
    const code = answer.status === 200 ? undefined : codeOf(answer);
    return isAllowed(code === 'needs-device' ? undefined : code);
  };
}

function requests(relay: Relay): Act {
  const personOf = people(relay);
  return async (user, address) => {
    const device = await personOf(user);
    const answer = await http(relay.url, ROUTES.linkToken, { ...auth(device), headers: from(address) });
    return isAllowed(answer.status === 200 ? undefined : codeOf(answer));
  };
}

function envelopes(relay: Relay): Act {
  const personOf = people(relay);
  const sockets = new Map<string, TestSocket>();
  return async (user, address) => {
    const to = messageTo(await personOf('carol'));
    // A device has one socket: who writes from another address has a device of its own.
    const socket = sockets.get(user + address) ?? (await connect(await personOf(user), { headers: from(address) }));
    sockets.set(user + address, socket);
    const answer = await socket.submit(to);
    return isAllowed(answer.ok ? undefined : answer.error.code);
  };
}

/** Who has taken too many gets bundles without one-time prekeys. */
function bundles(relay: Relay): Act {
  const personOf = people(relay);
  const carol = personOf('carol').then(async (device) => {
    await http(relay.url, ROUTES.putPreKeys, { ...auth(device), body: preKeysBody(20, 20) });
    return device;
  });
  return async (user, address) => {
    const path = ROUTES.bundles.path.replace(':user', (await carol).user);
    const asked = { ...auth(await personOf(user)), headers: from(address), body: { devices: [1] } };
    const { body } = await http(relay.url, { method: 'POST', path }, asked);
    return (body as { bundles: { oneTimePreKey: unknown }[] }).bundles[0]?.oneTimePreKey !== null;
  };
}

/** Whom else it concerns when one user has used it up at one address. */
const CONCERNS = {
  user: { atSameAddress: false, elsewhere: false },
  address: { atSameAddress: true, elsewhere: false },
  everybody: { atSameAddress: true, elsewhere: true },
} as const;

const CASES: Partial<Record<LimitName, readonly [(relay: Relay) => Act, keyof typeof CONCERNS]>> = {
  connectionsPerAddress: [connections, 'address'],
  connectionsPerUser: [connections, 'user'],
  connectionsPerDevice: [connections, 'user'],
  connectionsPerApp: [connections, 'everybody'],
  requestsPerAddress: [requests, 'address'],
  requestsPerUser: [requests, 'user'],
  registrationsPerAddress: [registrations, 'address'],
  registrationsPerUser: [registrations, 'user'],
  registrationsPerApp: [registrations, 'everybody'],
  envelopesPerDevice: [envelopes, 'user'],
  envelopesPerUser: [envelopes, 'user'],
  envelopesPerAddress: [envelopes, 'address'],
  envelopesPerApp: [envelopes, 'everybody'],
  bundlesPerPair: [bundles, 'user'],
  bundlesPerUser: [bundles, 'user'],
  bundlesPerDevice: [bundles, 'user'],
  bundlesPerAddress: [bundles, 'address'],
  bundlesPerApp: [bundles, 'everybody'],
  bundlesPerTarget: [bundles, 'everybody'],
};

const POINTS = 8;

test.each(Object.entries(CASES))('%s', async (limit, [kind, concerns]) => {
  const relay = await testRelay({ limits: { [limit]: { points: POINTS, seconds: 3600 } }, trustedProxies: 1 });
  relays.push(relay);
  const act = kind(relay);
  let allowed = 0;
  while (await act('alice', '10.0.0.1')) expect(++allowed).toBeLessThanOrEqual(POINTS);
  // To be registered costs requests as well.
  if (kind === requests) expect(allowed).toBeGreaterThan(0);
  else expect(allowed).toBe(POINTS);
  const { atSameAddress, elsewhere } = CONCERNS[concerns];
  expect(await act('bob', '10.0.0.1')).toBe(!atSameAddress);
  expect(await act('dave', '10.0.0.2')).toBe(!elsewhere);
});

test('every limit is tried, here or where it belongs', () => {
  const elsewhere: LimitName[] = ['adminFailuresPerAddress', 'topicSignalsPerDevice'];
  expect([...Object.keys(CASES), ...elsewhere].sort()).toEqual(Object.keys(LIMITS).sort());
});

test('a request that is refused says in its headers, too, how many seconds to wait', async () => {
  const relay = await testRelay({ limits: { requestsPerAddress: { points: 1, seconds: 3600 } } });
  relays.push(relay);
  const ask = () =>
    fetch(relay.url + ROUTES.linkToken.path, {
      method: ROUTES.linkToken.method,
      headers: { [VERSION_HEADER]: String(PROTOCOL_VERSION) },
    });
  await ask();
  const refused = await ask();
  expect(refused.status).toBe(429);
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(3_500);
  expect(seconds).toBeLessThanOrEqual(3_600);
});
