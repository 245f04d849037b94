import { ERROR_CODES, ROUTES } from '@sotto/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import { testRelay } from '../support/relay.js';

interface Described {
  openapi: string;
  paths: Record<
    string,
    Record<string, { operationId: string; requestBody?: object; responses: Record<string, { description: string }> }>
  >;
  components: { schemas: Record<string, unknown> };
}

let relay: Relay;
let described: Described;

beforeAll(async () => {
  relay = await testRelay();
  described = (await (await fetch(`${relay.url}/openapi.json`)).json()) as Described;
});

afterAll(() => relay.close());

test('every route is described, and nothing else', () => {
  expect(described.openapi).toBe('3.1.0');
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
  );
  const routes = Object.entries(ROUTES).map(
    ([name, { method, path }]) => `${name} ${method} ${path.replace(':user', '{user}')}`,
  );
  expect(operations.sort()).toEqual(routes.sort());
});

test('requests come with their schemas: exact fields, bytes as text', () => {
  const register = described.paths['/v1/devices']?.['post'];
  expect(register?.requestBody).toMatchObject({
    content: {
      'application/json': {
        schema: {
          type: 'object',
          additionalProperties: false,
          required: ['identityKey', 'attempt'],
          properties: { attempt: { type: 'string', minLength: 43, maxLength: 43 } },
        },
      },
    },
  });
});

test('every refusal that is named exists, under its status', () => {
  for (const methods of Object.values(described.paths)) {
    for (const { responses } of Object.values(methods)) {
      for (const [status, { description }] of Object.entries(responses)) {
        for (const [, code] of description.matchAll(/`([a-z-]+)`/g)) {
          expect(ERROR_CODES[code as keyof typeof ERROR_CODES].status).toBe(Number(status));
        }
      }
    }
  }
});

test('the page for people has no script and names every route and code', async () => {
  const response = await fetch(`${relay.url}/docs`);
  const page = await response.text();
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page).not.toContain('<script');
  for (const { path } of Object.values(ROUTES)) expect(page).toContain(path);
  for (const code of Object.keys(ERROR_CODES)) expect(page).toContain(`id="${code}"`);
});
