import { Issue, Schema, type Definition, type Infer, type Shape } from './core.js';

type OptionalKey<S extends Shape> = { [K in keyof S]: undefined extends Infer<S[K]> ? K : never }[keyof S];
type Flat<T> = { [K in keyof T]: T[K] };

/** What an object of this shape is in the program. */
export type Fields<S extends Shape> = Flat<
  { -readonly [K in Exclude<keyof S, OptionalKey<S>>]: Infer<S[K]> } & {
    -readonly [K in OptionalKey<S>]?: Infer<S[K]> | undefined;
  }
>;

export class ObjectSchema<S extends Shape, out T> extends Schema<T> {
  constructor(
    readonly shape: S,
    extra: (Definition & { type: 'object' })['extra'],
  ) {
    const fields = Object.entries(shape);
    super({ type: 'object', shape, extra }, (input, way) => {
      if (!isObject(input)) return new Issue('invalid_type', 'expected an object');
      const output: Record<string, unknown> = {};
      for (const [key, schema] of fields) {
        const value = schema.read(input[key], way);
        if (value instanceof Issue) return value.in(key);
        if (value !== undefined) output[key] = value;
      }
      if (extra === 'dropped') return output as T;
      for (const key of Object.keys(input)) {
        if (Object.hasOwn(shape, key)) continue;
        if (extra === 'refused') return new Issue('unrecognized_keys', 'has a field that is not known');
        // Assigning it would replace the prototype.
        if (key !== '__proto__') output[key] = input[key];
      }
      return output as T;
    });
  }
}

/** Fields that the shape does not name are left out. */
export function object<const S extends Shape>(shape: S): ObjectSchema<S, Fields<S>> {
  return new ObjectSchema(shape, 'dropped');
}

/** Fields that the shape does not name are refused. */
export function strictObject<const S extends Shape>(shape: S): ObjectSchema<S, Fields<S>> {
  return new ObjectSchema(shape, 'refused');
}

/** Fields that the shape does not name are kept as they are. */
export function looseObject<const S extends Shape>(
  shape: S,
): ObjectSchema<S, Fields<S> & { [unknownField: string]: unknown }> {
  return new ObjectSchema(shape, 'kept');
}

export function array<T>(item: Schema<T>): Schema<T[]> {
  return new Schema<T[]>({ type: 'array', item }, (input, way) => {
    if (!Array.isArray(input)) return new Issue('invalid_type', 'expected a list');
    const output: T[] = [];
    for (const [at, one] of input.entries()) {
      const value = item.read(one, way);
      if (value instanceof Issue) return value.in(at);
      output.push(value);
    }
    return output;
  });
}

/** An object as a map: any keys that `key` admits. */
export function record<T>(key: Schema<string>, item: Schema<T>): Schema<Record<string, T>> {
  return new Schema<Record<string, T>>({ type: 'record', item }, (input, way) => {
    if (!isObject(input)) return new Issue('invalid_type', 'expected an object');
    const output: Record<string, T> = {};
    for (const [name, one] of Object.entries(input)) {
      if (name === '__proto__') continue;
      const known = key.read(name, way);
      if (known instanceof Issue) return known.in(name);
      const value = item.read(one, way);
      if (value instanceof Issue) return value.in(name);
      output[known] = value;
    }
    return output;
  });
}

export function optional<T>(inner: Schema<T>): Schema<T | undefined> {
  return new Schema<T | undefined>({ type: 'optional', inner }, (input, way) =>
    input === undefined ? undefined : inner.read(input, way),
  );
}

export function nullable<T>(inner: Schema<T>): Schema<T | null> {
  return new Schema<T | null>({ type: 'nullable', inner }, (input, way) =>
    input === null ? null : inner.read(input, way),
  );
}

/** What `inner` does not admit reads as `value`. */
export function otherwise<T>(inner: Schema<T>, value: T): Schema<T> {
  return new Schema<T>({ type: 'otherwise', inner, value }, (input, way) => {
    const read = inner.read(input, way);
    return read instanceof Issue && way === 'decode' ? value : read;
  });
}

/** The first that admits it. */
export function union<const S extends readonly Schema<unknown>[]>(options: S): Schema<Infer<S[number]>> {
  return new Schema<Infer<S[number]>>({ type: 'union', options }, (input, way) => {
    for (const option of options) {
      const value = option.read(input, way);
      if (!(value instanceof Issue)) return value as Infer<S[number]>;
    }
    return new Issue('invalid_union', 'none of what is possible here');
  });
}

/** Objects that the literal in one of their fields tells apart. */
export function discriminatedUnion<const S extends readonly ObjectSchema<Shape, unknown>[]>(
  key: string,
  options: S,
): Schema<Infer<S[number]>> {
  const byValue = new Map<unknown, S[number]>();
  for (const option of options) {
    const told = option.shape[key]?.definition;
    if (told?.type !== 'literal') throw new TypeError(`${key} is not a literal in all options`);
    for (const value of told.values) byValue.set(value, option);
  }
  return new Schema<Infer<S[number]>>({ type: 'tagged', options }, (input, way) => {
    if (!isObject(input)) return new Issue('invalid_type', 'expected an object');
    const option = byValue.get(input[key]);
    if (!option) return new Issue('invalid_union', 'none of what is possible here').in(key);
    return option.read(input, way) as Infer<S[number]> | Issue;
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
