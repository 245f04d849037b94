import * as z from 'zod/mini';

import type { Check, Schema } from '../../src/schema.js';
import type { Bounds } from './bounds.js';

type Kind = 'string' | 'array' | 'number';

/** The same schema in zod, which has judged more inputs than we have: what it says is what ours must say. */
export function asZod({ definition, checks }: Schema<unknown>): z.ZodMiniType {
  switch (definition.type) {
    case 'string':
      return z.string().check(...stringChecks(boundsOf(checks, 'string')));
    case 'boolean':
      return z.boolean();
    case 'number':
      return z.number().check(...numberChecks(boundsOf(checks, 'number')));
    case 'int':
      return z.int().check(...numberChecks(boundsOf(checks, 'number')));
    case 'any':
      return z.unknown();
    case 'literal':
    case 'oneOf':
      return z.literal([...definition.values]);
    case 'bytes':
      return z.custom(
        (value) => value instanceof Uint8Array && value.length >= definition.min && value.length <= definition.max,
      );
    case 'array': {
      const { minItems = 0, maxItems = Infinity } = boundsOf(checks, 'array');
      return z.array(asZod(definition.item)).check(z.minLength(minItems), z.maxLength(maxItems));
    }
    case 'record':
      return z.record(z.string(), asZod(definition.item));
    case 'object': {
      const shape = Object.fromEntries(Object.entries(definition.shape).map(([key, inner]) => [key, asZod(inner)]));
      const make = { dropped: z.object, refused: z.strictObject, kept: z.looseObject }[definition.extra];
      return make(shape);
    }
    case 'optional':
      return z.optional(asZod(definition.inner));
    case 'nullable':
      return z.nullable(asZod(definition.inner));
    case 'codec':
      return asZod(definition.inner);
    case 'otherwise':
      return z.catch(asZod(definition.inner), definition.value);
    case 'union':
    case 'tagged':
      return z.union(definition.options.map(asZod) as [z.ZodMiniType, z.ZodMiniType]);
  }
}

function boundsOf(checks: readonly Check<never>[], kind: Kind): Bounds {
  return Object.assign({}, ...checks.map(({ json }) => json[kind])) as Bounds;
}

function stringChecks({ minLength, maxLength, pattern }: Bounds) {
  return [
    ...(minLength === undefined ? [] : [z.minLength(minLength)]),
    ...(maxLength === undefined ? [] : [z.maxLength(maxLength)]),
    ...(pattern === undefined ? [] : [z.regex(new RegExp(pattern))]),
  ];
}

function numberChecks({ minimum, maximum }: Bounds) {
  return [...(minimum === undefined ? [] : [z.gte(minimum)]), ...(maximum === undefined ? [] : [z.lte(maximum)])];
}
