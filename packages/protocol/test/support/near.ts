import fc from 'fast-check';

import { toJsonSchema, type Schema } from '../../src/schema.js';
import type { Bounds } from './bounds.js';

/** What a stranger may put anywhere. */
const anything = fc.oneof(
  fc.anything({ withNullPrototype: true }),
  fc.constantFrom<unknown>(undefined, null, NaN, -0, 1.5, 2 ** 53, '', '\0', [], {}, new Uint8Array(0), new Date(0)),
  fc.constant<unknown>(JSON.parse('{"__proto__":{"admin":true},"constructor":1}')),
);

/** Inputs that a schema admits, or would but for one thing somewhere: those that a careless reader lets through. */
export function near(schema: Schema<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 200, arbitrary: right(schema) }, { weight: 1, arbitrary: anything });
}

function right(schema: Schema<unknown>): fc.Arbitrary<unknown> {
  const { definition } = schema;
  const bounds = toJsonSchema(schema, 'input') as Bounds;
  switch (definition.type) {
    case 'string':
      return strings(bounds);
    case 'boolean':
      return fc.boolean();
    case 'number':
    case 'int':
      return numbers(bounds);
    case 'any':
      return anything;
    case 'literal':
    case 'oneOf':
      return fc.oneof(
        { weight: 40, arbitrary: fc.constantFrom<unknown>(...definition.values) },
        fc.constant('another'),
      );
    case 'bytes':
      return lengths(definition.min, definition.max).map((length) => new Uint8Array(Math.max(0, length)));
    case 'array':
      return fc.array(near(definition.item), { minLength: bounds.minItems ?? 0, maxLength: 4 });
    case 'record':
      return fc.dictionary(fc.string(), near(definition.item));
    case 'object':
      return objects(Object.entries(definition.shape));
    case 'optional':
      return fc.option(near(definition.inner), { nil: undefined });
    case 'nullable':
      return fc.option(near(definition.inner), { nil: null });
    case 'codec':
    case 'otherwise':
      return near(definition.inner);
    case 'union':
    case 'tagged':
      return fc.oneof(...definition.options.map(near));
  }
}

/** A field may be missing, and a foreign one may be there. */
function objects(fields: [string, Schema<unknown>][]): fc.Arbitrary<unknown> {
  const known = fc.record(Object.fromEntries(fields.map(([key, inner]) => [key, near(inner)])));
  const lacking = fc.constantFrom<string | null>(...new Array<null>(60).fill(null), ...fields.map(([key]) => key));
  const names = fc.constantFrom('__proto__', 'constructor', 'toString', 'surprise');
  const foreign = fc.oneof({ weight: 60, arbitrary: fc.constant([]) }, fc.array(fc.tuple(names, anything)));
  return fc.tuple(known, lacking, foreign).map(([known, lacking, foreign]) => {
    // `fromEntries` defines, so that a field `__proto__` is one, as `JSON.parse` makes it.
    const entries: [string, unknown][] = [...Object.entries(known), ...foreign];
    return Object.fromEntries(entries.filter(([key]) => key !== lacking));
  });
}

function strings({ minLength = 0, maxLength = 40, pattern }: Bounds): fc.Arbitrary<string> {
  const plain = lengths(minLength, maxLength).map((length) => 'A'.repeat(Math.max(0, length)));
  if (pattern === undefined) return plain;
  const matching = fc.stringMatching(new RegExp(pattern));
  return minLength > 0 ? plain : fc.oneof({ weight: 40, arbitrary: matching }, plain);
}

function numbers({
  minimum = Number.MIN_SAFE_INTEGER,
  maximum = Number.MAX_SAFE_INTEGER,
}: Bounds): fc.Arbitrary<number> {
  return around([minimum, minimum + 1, maximum - 1, maximum], [minimum - 1, maximum + 1]);
}

/** Long ones cost time and teach nothing more: their limits have tests of their own. */
const LONG = 2_000;

const lengths = (min: number, max: number) =>
  around(max > LONG ? [min] : [min, max], [min - 1, max > LONG ? min : max + 1]);

/** Mostly what is admitted, so that the whole is admitted often enough. */
function around(inside: number[], outside: number[]): fc.Arbitrary<number> {
  return fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...inside) }, fc.constantFrom(...outside));
}
