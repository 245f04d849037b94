import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { startRelay, type Relay } from '@sotto/relay';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { sottoRoutes } from '../src/express.js';
import { sottoHandler } from '../src/fetch-handler.js';
import { nextRoute } from '../src/next-route.js';
import type { Settings } from '../src/sotto-token.js';

const secret = 'a test secret of more than 32 bytes';
const settings: Settings = {
  app: 'shop',
  secret,
  sessions: { userIdOf: (id) => Promise.resolve(id === 'of-alice' ? 'user-1' : null) },
};

let relay: Relay;
let server: Server;

beforeAll(async () => {
  const apps = [{ id: 'shop' as never, algorithm: 'HS256' as const, secret }];
  relay = await startRelay({ host: '127.0.0.1', port: 0, memory: true, apps, logLevel: 'silent' });
  server = createServer(express().use(sottoRoutes(settings)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}, 120_000);

afterAll(async () => {
  server.close();
  await relay.close();
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/sotto-token`;
const next = nextRoute({ SOTTO_APP: 'shop', SOTTO_SECRET: secret }, settings.sessions);
const handlers: Record<string, (init: RequestInit) => Promise<Response>> = {
  express: (init) => fetch(url(), init),
  'fetch handler': (init) => sottoHandler(settings)(new Request('https://shop.example/sotto-token', init)),
  'Next route': (init) => next.POST(new Request('https://shop.example/sotto-token', init)),
};

test.each(Object.keys(handlers))(
  '%s: who is logged in gets a token that the relay takes; others get none',
  async (name) => {
    const ask = handlers[name] ?? fail();
    const answer = await ask({ method: 'POST', headers: { cookie: 'theme=dark; session=of-alice' } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { user } = await relay.core.verifier.verify(await answer.text());
    expect(user).toMatch(/^[0-9a-f-]{36}$/);
    for (const headers of [{}, { cookie: 'session=of-nobody' }, { cookie: 'session=of-nobody; user=user-1' }]) {
      const refused = await ask({ method: 'POST', headers });
      expect([refused.status, await refused.text()]).toEqual([401, 'log in first']);
    }
  },
);

test('a route without its settings does not start', () => {
  expect(() => nextRoute({}, settings.sessions)).toThrow('SOTTO_APP');
});

function fail(): never {
  throw new Error('there is no such handler');
}
