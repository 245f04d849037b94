import type { Schema } from './core.js';

/** `input`: as it may travel. `output`: as it is after reading. */
export type Side = 'input' | 'output';

/** A schema as JSON Schema (draft 2020-12). Bytes outside JSON are `{}` with their lengths in words. */
export function toJsonSchema(schema: Schema<unknown>, side: Side): Record<string, unknown> {
  const { definition, checks } = schema;
  const told = (type: 'string' | 'array' | 'number') =>
    Object.assign({}, ...checks.map(({ json }) => json[type])) as object;
  switch (definition.type) {
    case 'string':
      return { type: 'string', ...told('string') };
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
      return { type: 'number', ...told('number') };
    case 'int':
      return {
        type: 'integer',
        minimum: Number.MIN_SAFE_INTEGER,
        maximum: Number.MAX_SAFE_INTEGER,
        ...told('number'),
      };
    case 'any':
      return {};
    case 'literal':
      return { type: typeof definition.values[0], const: definition.values[0] };
    case 'oneOf':
      return { type: 'string', enum: [...definition.values] };
    case 'bytes':
      return { description: `${definition.min}..${definition.max} bytes` };
    case 'array':
      return { ...told('array'), type: 'array', items: toJsonSchema(definition.item, side) };
    case 'record':
      return { type: 'object', additionalProperties: toJsonSchema(definition.item, side) };
    case 'object':
      return objectSchema(definition, side);
    case 'optional':
    case 'codec':
      return toJsonSchema(definition.inner, side);
    case 'nullable':
      return { anyOf: [toJsonSchema(definition.inner, side), { type: 'null' }] };
    case 'otherwise':
      return { ...toJsonSchema(definition.inner, side), default: definition.value };
    case 'tagged':
      return { oneOf: definition.options.map((option) => toJsonSchema(option, side)) };
    case 'union':
      return { anyOf: definition.options.map((option) => toJsonSchema(option, side)) };
  }
}

type ObjectDefinition = Schema<unknown>['definition'] & { type: 'object' };

function objectSchema({ shape, extra }: ObjectDefinition, side: Side): Record<string, unknown> {
  const fields = Object.entries(shape);
  const required = fields.filter(([, { definition }]) => definition.type !== 'optional');
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(([key, schema]) => [key, toJsonSchema(schema, side)])),
    ...(required.length > 0 && { required: required.map(([key]) => key) }),
    ...((extra === 'refused' || (extra === 'dropped' && side === 'output')) && { additionalProperties: false }),
    ...(extra === 'kept' && { additionalProperties: {} }),
  };
}
