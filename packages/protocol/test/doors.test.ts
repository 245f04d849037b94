import { expect, test } from 'vitest';
import * as s from '../src/schema.js';

import { toBase64Url } from '../src/bytes.js';
import { ERROR_CODES, type ErrorCode } from '../src/error-code.js';
import { ERROR_TEXTS } from '../src/error-text.js';
import { errorBody } from '../src/error.js';
import { registerRequest } from '../src/http/devices.js';
import { bundlesRequest, putPreKeysRequest } from '../src/http/prekeys.js';
import * as limits from '../src/limits.js';
import { ack } from '../src/socket/ack.js';
import { deliver } from '../src/socket/deliver.js';
import { down, up } from '../src/socket/events.js';
import { hello, welcome } from '../src/socket/hello.js';
import { submit, submitReply } from '../src/socket/submit.js';
import { alice } from './support/samples.js';

const id = new Uint8Array(16);
const payload = Uint8Array.of(1);
const base64 = (length: number) => toBase64Url(new Uint8Array(length));
const accepts = (schema: s.Schema<unknown>, value: unknown) => s.safeParse(schema, value).success;

const requests = {
  hello: [
    hello,
    {
      protocol: 1,
      token: 't',
      device: 1,
      registration: 1,
      secret: base64(32),
      epoch: 1,
      cursor: { seq: 0, id: null },
      sealings: 0,
    },
  ],
  ack: [ack, { seq: 1, id }],
  token: [up.token, { token: 't' }],
  submit: [
    submit,
    {
      id,
      sealing: 0,
      payloads: [payload],
      recipients: [{ user: alice, list: 1, devices: [{ device: 1, registration: 1, payload: 0 }], complete: true }],
    },
  ],
  join: [up.join, { topic: new Uint8Array(32), tag: id }],
  leave: [up.leave, { topic: new Uint8Array(32) }],
  publish: [up.publish, { topic: new Uint8Array(32), payload }],
  register: [registerRequest, { identityKey: base64(33), attempt: base64(32) }],
  putPreKeys: [putPreKeysRequest, { oneTimePreKeys: [], kemPreKeys: [], replace: false }],
  bundles: [bundlesRequest, { devices: [1] }],
} as const satisfies Record<string, [s.Schema<unknown>, Record<string, unknown>]>;

const names = Object.keys(requests) as (keyof typeof requests)[];

test.each(names)('%s: the smallest good request is accepted', (name) => {
  const [schema, value] = requests[name];
  expect(accepts(schema, value)).toBe(true);
});

test.each(names)('%s: a relay refuses an unknown field', (name) => {
  const [schema, value] = requests[name];
  expect(accepts(schema, { ...value, surprise: 1 })).toBe(false);
});

test.each(names)('%s: a relay refuses a request that lacks a field', (name) => {
  const [schema, value] = requests[name];
  for (const field of Object.keys(value)) {
    const rest = Object.fromEntries(Object.entries(value).filter(([key]) => key !== field));
    expect(accepts(schema, rest), field).toBe(false);
  }
});

test('a client ignores what a newer relay adds', () => {
  const envelope = { seq: 1, id, user: alice, device: 1, registration: 1, at: 0, payload, newer: true };
  expect(s.parse(deliver, { first: 1, envelopes: [envelope], left: 0, newer: 1 })).toEqual({
    first: 1,
    left: 0,
    envelopes: [{ seq: 1, id, user: alice, device: 1, registration: 1, at: 0, payload }],
  });
  const greeting = {
    protocol: 1,
    time: 0,
    verdict: 'ok',
    acked: { seq: 0, id: null },
    sealings: 0,
    head: 0,
    first: 1,
    retentionSeconds: 1,
    listVersion: 0,
    preKeys: { oneTime: 0, kem: 0 },
    expiring: [],
    limits: { payloadBytes: 1, submitBytes: 1 },
  };
  expect(s.parse(welcome, { ...greeting, newer: [] })).toEqual(greeting);
  expect(accepts(down['prekeys-low'], { oneTime: 1, kem: 1, newer: true })).toBe(true);
});

test('a refusal with a code that the client does not know reads as `internal`', () => {
  expect(s.parse(errorBody, { code: 'from-the-future', message: 'x' }).code).toBe('internal');
  expect(s.parse(submitReply, { ok: false, error: { code: 'rate-limited', message: 'x', retryAfterMs: 5 } })).toEqual({
    ok: false,
    error: { code: 'rate-limited', message: 'x', retryAfterMs: 5 },
  });
});

test('an envelope is bounded: neither empty nor larger than the limit', () => {
  const [, value] = requests.submit;
  const withPayload = (bytes: Uint8Array) => accepts(submit, { ...value, payloads: [bytes] });
  expect(withPayload(new Uint8Array(limits.MAX_PAYLOAD_BYTES))).toBe(true);
  expect(withPayload(new Uint8Array(limits.MAX_PAYLOAD_BYTES + 1))).toBe(false);
  expect(withPayload(new Uint8Array(0))).toBe(false);
});

test('what travels on a topic is bounded, will included', () => {
  const [schema, value] = requests.join;
  const { MAX_TOPIC_PAYLOAD_BYTES: most } = limits;
  for (const [length, isGood] of [
    [0, false],
    [1, true],
    [most, true],
    [most + 1, false],
  ] as const) {
    expect(accepts(schema, { ...value, will: new Uint8Array(length) })).toBe(isGood);
    expect(accepts(up.publish, { topic: value.topic, payload: new Uint8Array(length) })).toBe(isGood);
  }
  for (const topic of [new Uint8Array(31), new Uint8Array(33), 'A'.repeat(43)])
    expect(accepts(schema, { ...value, topic })).toBe(false);
});

test('binary fields arrive as Buffer in Node and as ArrayBuffer in browsers; the program sees bytes', () => {
  for (const wire of [Buffer.alloc(16, 3), new Uint8Array(16).fill(3), new Uint8Array(16).fill(3).buffer]) {
    const { id: parsed } = s.parse(ack, { seq: 1, id: wire });
    expect([...parsed]).toEqual(new Array(16).fill(3));
  }
  for (const wire of ['A'.repeat(22), Array.from(id), { length: 16 }, null])
    expect(accepts(ack, { seq: 1, id: wire })).toBe(false);
});

test('no device is acknowledged before it received anything', () => {
  expect(accepts(ack, { seq: 0, id })).toBe(false);
});

test('every error code has an HTTP status of refusal and two sentences for people', () => {
  for (const [code, { status }] of Object.entries(ERROR_CODES)) {
    const { meaning, action } = ERROR_TEXTS[code as ErrorCode];
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    for (const sentence of [meaning, action]) expect(sentence).toMatch(/^[A-Z].*\.$/);
  }
});
