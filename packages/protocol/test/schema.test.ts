import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { base64Bytes } from '../src/bytes.js';
import { deviceListRecord } from '../src/device-list.js';
import { errorBody } from '../src/error.js';
import * as devices from '../src/http/devices.js';
import * as prekeys from '../src/http/prekeys.js';
import * as s from '../src/schema.js';
import { plainReply } from '../src/socket/ack.js';
import { down, up } from '../src/socket/events.js';
import { hello } from '../src/socket/hello.js';
import { submitReply } from '../src/socket/submit.js';
import { asZod } from './support/as-zod.js';
import { near } from './support/near.js';

const everything: Record<string, unknown> = {
  ...up,
  ...down,
  ...devices,
  ...prekeys,
  deviceListRecord,
  errorBody,
  hello,
  plainReply,
  submitReply,
};
const schemas = Object.entries(everything).filter(
  (entry): entry is [string, s.Schema<unknown>] => entry[1] instanceof s.Schema,
);

/** Bytes as what travels, so that the two can be compared. */
const wire = (schema: s.Schema<unknown>, input: unknown) => {
  const parsed = s.safeParse(schema, input);
  return parsed.success ? s.encode(schema, parsed.data) : 'refused';
};

/** Base64url is looked at more closely by us: zod is told the letters and lengths only. */
const spelled = (schema: s.Schema<unknown>, input: unknown) => {
  const parsed = asZod(schema).safeParse(input);
  return parsed.success ? parsed.data : 'refused';
};

describe.each(schemas)('%s', (_, schema) => {
  test('accepts what zod accepts, and reads the same from it', () => {
    let accepted = 0;
    fc.assert(
      fc.property(near(schema), (input) => {
        const ours = wire(schema, input);
        if (ours === 'refused' && holdsBase64(schema)) return;
        if (ours !== 'refused') accepted++;
        expect(ours).toEqual(spelled(schema, input));
      }),
      { numRuns: 300 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  test('goes out as it came in', () => {
    fc.assert(
      fc.property(near(schema), (input) => {
        const parsed = s.safeParse(schema, input);
        if (!parsed.success) return;
        const { data } = parsed;
        expect(s.parse(schema, s.encode(schema, data))).toEqual(data);
      }),
    );
  });
});

function holdsBase64(schema: s.Schema<unknown>): boolean {
  const { definition } = schema;
  if (definition.type === 'codec') return true;
  const inner =
    definition.type === 'object'
      ? Object.values(definition.shape)
      : 'inner' in definition
        ? [definition.inner]
        : 'item' in definition
          ? [definition.item]
          : 'options' in definition
            ? definition.options
            : [];
  return inner.some(holdsBase64);
}

test('the first thing that is wrong is named, with the way to it and without its value', () => {
  const schema = s.strictObject({ list: s.array(s.object({ n: s.int().check(s.gte(1)) })) });
  const wrong = (input: unknown) => {
    const { issue } = s.safeParse(schema, input);
    return `${issue?.path.join('.') ?? ''}: ${issue?.code ?? ''}`;
  };
  expect(wrong({ list: [{ n: 1 }, { n: 0 }] })).toBe('list.1.n: too_small');
  expect(wrong({ list: 'secret' })).toBe('list: invalid_type');
  expect(wrong({ list: [], secret: 1 })).toBe(': unrecognized_keys');
  expect(() => s.parse(schema, { list: 'secret' })).toThrow(/^list: expected a list$/);
});

test('a field `__proto__` never becomes the prototype', () => {
  const hostile: unknown = JSON.parse('{"__proto__":{"admin":true},"a":"b"}');
  const loose = s.parse(s.looseObject({}), hostile);
  expect(Object.getPrototypeOf(loose)).toBe(Object.prototype);
  expect(Object.keys(loose)).toEqual(['a']);
  const record = s.parse(
    s.record(
      s.string(),
      s.custom(() => true, ''),
    ),
    hostile,
  );
  expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
  expect(s.safeParse(s.strictObject({ a: s.string() }), hostile).success).toBe(false);
});

test('what goes out is checked like what comes in', () => {
  expect(() => s.encode(base64Bytes(32), new Uint8Array(31))).toThrow(s.SchemaError);
  expect(() => s.encode(s.object({ id: s.int().check(s.gte(1)) }), { id: 0 })).toThrow(/^id: /);
  expect(s.encode(base64Bytes(3), Uint8Array.of(0, 0, 0))).toBe('AAAA');
});

test('a discriminated union needs its literal', () => {
  const schema = s.discriminatedUnion('ok', [
    s.object({ ok: s.literal(true), n: s.int() }),
    s.object({ ok: s.literal(false) }),
  ]);
  expect(s.parse(schema, { ok: true, n: 1 })).toEqual({ ok: true, n: 1 });
  expect(s.safeParse(schema, { n: 1 }).issue?.path).toEqual(['ok']);
  expect(s.safeParse(schema, { ok: 'true', n: 1 }).success).toBe(false);
  expect(s.safeParse(schema, { ok: true }).success).toBe(false);
});
