import { toBase64Url } from '@sotto/protocol';
import fc from 'fast-check';

/** What we use of a JSON schema. */
export interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  propertyNames?: { enum?: string[] };
  /** `{}` or `true`: anything. */
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
}

/** Values of the world that is attacked, so that some inputs get past the first door. */
export interface Known {
  strings: string[];
  numbers: number[];
}

const MAX_ITEMS = 4;
const MAX_TEXT = 200;

/** Lengths that the protocol's byte fields have, and their neighbours. */
const BYTE_LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 64, 200, 1569];

const bytes = fc
  .constantFrom(...BYTE_LENGTHS)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  .map((value) => Buffer.from(value));

/** Values that real bugs are made of, besides what fast-check invents. */
export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: false, withDate: true, withTypedArray: true, withNullPrototype: true, maxDepth: 3 }),
  fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value)),
  fc.constantFrom<unknown>(-1, 0, 1e300, NaN, Infinity, 2 ** 31, 2 ** 53, '', '\0', '__proto__', 'constructor'),
  fc.constantFrom<unknown>('\u{d800}', [], {}, null, undefined, true, 'x'.repeat(70_000), Array(2_000).fill(0)),
);

/** Inputs that a schema allows, as far as it says. What it cannot say (bytes) is taken from the sizes in use. */
export function allowed(schema: JsonSchema, known: Known): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => allowed(choice, known)));
  if (schema.allOf) return allowed(Object.assign({}, ...schema.allOf, { ...schema, allOf: undefined }) as never, known);
  switch (schema.type) {
    case 'object':
      return objectOf(schema, known);
    case 'array':
      return fc.array(allowed(schema.items ?? {}, known), {
        minLength: Math.min(schema.minItems ?? 0, MAX_ITEMS),
        maxLength: Math.min(schema.maxItems ?? MAX_ITEMS, MAX_ITEMS),
      });
    case 'string':
      return fc.oneof({ weight: 1, arbitrary: textOf(schema) }, { weight: 2, arbitrary: knownText(schema, known) });
    case 'integer':
    case 'number':
      return numberOf(schema, known);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return bytes;
  }
}

function objectOf(schema: JsonSchema, known: Known): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], propertyNames, additionalProperties } = schema;
  if (propertyNames?.enum && typeof additionalProperties === 'object') {
    const name = fc.constantFrom(...propertyNames.enum);
    return fc.dictionary(name, allowed(additionalProperties, known), { maxKeys: MAX_ITEMS });
  }
  const fields = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, allowed(each, known)]));
  return fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
}

function numberOf({ minimum, maximum }: JsonSchema, { numbers }: Known): fc.Arbitrary<number> {
  const [least, most] = [minimum ?? -(2 ** 31), maximum ?? 2 ** 31 - 1];
  // Such as 0.01 of a day.
  const [min, max] = [Math.ceil(Math.max(least, -(2 ** 31))), Math.min(most, 2 ** 31 - 1)];
  const fitting = numbers.filter((value) => value >= least && value <= most);
  const any = fc.oneof(fc.integer({ min, max }), fc.constantFrom(least, most));
  return fitting.length === 0 ? any : fc.oneof(any, fc.constantFrom(...fitting));
}

/** Base64url is made of bytes, so that it is canonical; other patterns by fast-check. */
function textOf({ pattern, minLength = 0, maxLength = MAX_TEXT }: JsonSchema): fc.Arbitrary<string> {
  if (pattern?.includes('A-Za-z0-9_-') === true) {
    const size = Math.floor((Math.min(maxLength, 3_000) * 3) / 4);
    return fc.uint8Array({ minLength: size, maxLength: size }).map((value) => toBase64Url(value));
  }
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ minLength: Math.min(minLength, MAX_TEXT), maxLength: Math.min(maxLength, MAX_TEXT) });
}

function knownText(schema: JsonSchema, { strings }: Known): fc.Arbitrary<string> {
  const pattern = schema.pattern === undefined ? null : new RegExp(schema.pattern);
  const { minLength = 0, maxLength = Infinity } = schema;
  const fitting = strings.filter(
    (text) => text.length >= minLength && text.length <= maxLength && pattern?.test(text) !== false,
  );
  return fitting.length === 0 ? textOf(schema) : fc.constantFrom(...fitting);
}

/** A message in which one part is replaced, removed or added to. */
export function mutated(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const how = fc.constantFrom('replace', 'remove', 'add', 'repeat');
  return fc.tuple(valid, fc.nat(), nasty, how).map(([message, where, value, change]) => {
    const spots = spotsOf(message);
    const spot = spots[where % spots.length];
    if (!spot) return value;
    if (change === 'remove') Reflect.deleteProperty(spot.holder, spot.key);
    else if (change === 'repeat' && Array.isArray(spot.holder)) spot.holder.push(...(spot.holder as unknown[]));
    else Reflect.set(spot.holder, change === 'add' ? `${spot.key}x` : spot.key, value);
    return message;
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

/** What is thrown at a door that has this schema: mostly almost right, sometimes right, sometimes nonsense. */
export function inputsFor(schema: JsonSchema, known: Known): fc.Arbitrary<unknown> {
  const valid = allowed(schema, known);
  return fc.oneof(
    { weight: 5, arbitrary: mutated(valid) },
    { weight: 2, arbitrary: valid },
    { weight: 2, arbitrary: nasty },
  );
}

/** An endless supply from one seed: the same seed yields the same inputs. */
export function* stream<T>(arbitrary: fc.Arbitrary<T>, seed: number): Generator<T> {
  for (let round = 0; ; round++) yield* fc.sample(arbitrary, { numRuns: 200, seed: seed + round });
}
