/**
 * What the schemas of the wire and of contents are made of: a value that describes itself (for JSON Schema) and that reads
 * what came from outside. Ours, and small, as every page loads it; and without `eval`, which strict pages forbid.
 */

/** `decode`: from the wire, into the program. `encode`: back. */
export type Way = 'decode' | 'encode';

export type IssueCode =
  | 'invalid_type'
  | 'invalid_value'
  | 'invalid_format'
  | 'invalid_union'
  | 'too_small'
  | 'too_big'
  | 'unrecognized_keys'
  | 'custom';

/** The first thing that is wrong, and where. Says nothing of the value itself. */
export class Issue {
  readonly path: (string | number)[] = [];

  constructor(
    readonly code: IssueCode,
    readonly message: string,
  ) {}

  in(key: string | number): this {
    this.path.unshift(key);
    return this;
  }
}

/** What a value must fulfil besides its type. */
export interface Check<in T> {
  readonly fits: (value: T) => boolean;
  readonly issue: readonly [IssueCode, string];
  /** In JSON Schema: of strings, of arrays and of numbers. */
  readonly json: Readonly<Partial<Record<'string' | 'array' | 'number', object>>>;
}

export type Shape = Readonly<Record<string, Schema<unknown>>>;

/** What a schema says of itself. `extra`: what becomes of fields that an object's shape does not name. */
export type Definition =
  | { readonly type: 'string' | 'boolean' | 'number' | 'int' | 'any' }
  | { readonly type: 'literal' | 'oneOf'; readonly values: readonly (string | number | boolean)[] }
  | { readonly type: 'bytes'; readonly min: number; readonly max: number }
  | { readonly type: 'array' | 'record'; readonly item: Schema<unknown> }
  | { readonly type: 'object'; readonly shape: Shape; readonly extra: 'dropped' | 'refused' | 'kept' }
  | { readonly type: 'optional' | 'nullable' | 'codec'; readonly inner: Schema<unknown> }
  | { readonly type: 'otherwise'; readonly inner: Schema<unknown>; readonly value: unknown }
  | { readonly type: 'union' | 'tagged'; readonly options: readonly Schema<unknown>[] };

type Read<T> = (input: unknown, way: Way) => T | Issue;

declare const BRAND: unique symbol;
/** A value that has been through a schema of this name: nothing else is assignable. */
export interface Brand<Name extends string> {
  readonly [BRAND]: Readonly<Record<Name, true>>;
}

export class Schema<out T> {
  constructor(
    readonly definition: Definition,
    readonly read: Read<T>,
    readonly checks: readonly Check<never>[] = [],
  ) {}

  check(...checks: readonly Check<T>[]): Schema<T> {
    const read: Read<T> = (input, way) => {
      const value = this.read(input, way);
      if (value instanceof Issue) return value;
      for (const { fits, issue } of checks) if (!fits(value)) return new Issue(...issue);
      return value;
    };
    return new Schema(this.definition, read, [...this.checks, ...checks]);
  }

  brand<Name extends string>(): Schema<T & Brand<Name>> {
    return this as unknown as Schema<T & Brand<Name>>;
  }
}

export type Infer<S extends Schema<unknown>> = S extends Schema<infer T> ? T : never;

export type Parsed<T> =
  | { readonly success: true; readonly data: T; readonly issue?: undefined }
  | { readonly success: false; readonly data?: undefined; readonly issue: Issue };

export class SchemaError extends Error {
  override readonly name = 'SchemaError';

  constructor(readonly issue: Issue) {
    super(`${issue.path.join('.')}: ${issue.message}`);
  }
}

export function safeParse<S extends Schema<unknown>>(schema: S, input: unknown): Parsed<Infer<S>> {
  const data = schema.read(input, 'decode') as Infer<S> | Issue;
  return data instanceof Issue ? { success: false, issue: data } : { success: true, data };
}

/** @throws SchemaError */
export function parse<S extends Schema<unknown>>(schema: S, input: unknown): Infer<S> {
  return orThrow(schema.read(input, 'decode')) as Infer<S>;
}

/** A value of the program as it travels; checked as strictly as what arrives. @throws SchemaError */
export function encode<T>(schema: Schema<T>, value: T): unknown {
  return orThrow(schema.read(value, 'encode'));
}

function orThrow(value: unknown): unknown {
  if (value instanceof Issue) throw new SchemaError(value);
  return value;
}
