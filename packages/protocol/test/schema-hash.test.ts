import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';
import * as s from '../src/schema.js';

import { deviceListRecord, encodeDeviceList } from '../src/device-list.js';
import { ERROR_CODES } from '../src/error-code.js';
import { errorBody } from '../src/error.js';
import * as devices from '../src/http/devices.js';
import * as prekeys from '../src/http/prekeys.js';
import { DEVICE_HEADER, ROUTES, VERSION_HEADER } from '../src/http/routes.js';
import { plainReply } from '../src/socket/ack.js';
import { down, SOCKET_PATH, up } from '../src/socket/events.js';
import { hello } from '../src/socket/hello.js';
import { submitReply } from '../src/socket/submit.js';
import { RESET_CLAIM, TOKEN_AUDIENCE } from '../src/token.js';
import { MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../src/version.js';
import { alice, sampleList, sampleSignedMessages } from './support/samples.js';

/** Changes together with `PROTOCOL_VERSION`, and with a line in the history of `src/version.ts`. */
const PINNED = { version: 1, hash: '4ad448fce7522d2d6f01bdee7d074256e5ad72fbe89b7d6f5c14b76610a0216a' };

function shape(schema: s.Schema<unknown>): unknown {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...s.toJsonSchema(schema, 'input') };
}

/** An object with sorted keys, so that moving lines about changes nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function isSchema(value: unknown): value is s.Schema<unknown> {
  return value instanceof s.Schema;
}

function shapes(schemas: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schemas).flatMap(([name, schema]) => (isSchema(schema) ? [[name, shape(schema)]] : [])),
  );
}

/** Everything that both sides must agree on. */
function contract(): unknown {
  return sorted({
    up: shapes(up),
    down: shapes(down),
    replies: shapes({ submitReply, plainReply, errorBody }),
    hello: shape(hello),
    http: { ...shapes(devices), ...shapes(prekeys) },
    deviceListRecord: shape(deviceListRecord),
    routes: ROUTES,
    names: [DEVICE_HEADER, VERSION_HEADER, SOCKET_PATH, TOKEN_AUDIENCE, RESET_CLAIM],
    errors: Object.entries(ERROR_CODES).map(([code, { status, retry }]) => [code, status, retry]),
    signed: sampleSignedMessages(),
    alice,
    list: Buffer.from(encodeDeviceList(sampleList)).toString('hex'),
  });
}

test('a change of the wire contract comes with a new protocol version', () => {
  const hash = createHash('sha256').update(JSON.stringify(contract())).digest('hex');
  expect(
    { version: PROTOCOL_VERSION, hash },
    'bump PROTOCOL_VERSION, add a line to its history, then pin both here',
  ).toEqual(PINNED);
});

test('the hash sees the length of binary fields', () => {
  expect(JSON.stringify(shape(hello))).toContain('16..16 bytes');
  expect(JSON.stringify(shapes(up))).toContain('1..98304 bytes');
});

test('a relay serves the current version and at most one before it', () => {
  expect(PROTOCOL_VERSION - MIN_PROTOCOL_VERSION).toBeOneOf([0, 1]);
});
