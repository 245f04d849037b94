import { Issue, Schema, type Check, type Definition } from './core.js';

function typed<T>(definition: Definition, is: (value: unknown) => boolean, message: string): Schema<T> {
  return new Schema<T>(definition, (input) => (is(input) ? (input as T) : new Issue('invalid_type', message)));
}

export const string = (): Schema<string> =>
  typed({ type: 'string' }, (value) => typeof value === 'string', 'expected a string');

export const boolean = (): Schema<boolean> =>
  typed({ type: 'boolean' }, (value) => typeof value === 'boolean', 'expected true or false');

/** Finite. */
export const number = (): Schema<number> => typed({ type: 'number' }, Number.isFinite, 'expected a number');

/** Safe integers only. */
export const int = (): Schema<number> => typed({ type: 'int' }, Number.isSafeInteger, 'expected an integer');

export function literal<const V extends string | number | boolean>(value: V): Schema<V> {
  return anyOf('literal', [value]);
}

export function oneOf<const V extends string>(values: readonly V[]): Schema<V> {
  return anyOf('oneOf', values);
}

function anyOf<V extends string | number | boolean>(type: 'literal' | 'oneOf', values: readonly V[]): Schema<V> {
  const known = new Set<unknown>(values);
  const refused = `expected ${values.join(' or ')}`;
  return new Schema<V>({ type, values }, (input) =>
    known.has(input) ? (input as V) : new Issue('invalid_value', refused),
  );
}

/** Whatever the predicate admits. */
export function custom<T>(is: (value: unknown) => boolean, message: string): Schema<T> {
  return new Schema<T>({ type: 'any' }, (input) => (is(input) ? (input as T) : new Issue('custom', message)));
}

interface Codec<Wire, T> {
  /** Of what travels. */
  readonly wire: Schema<Wire>;
  /** How it describes itself, if not as what travels. */
  readonly definition?: Definition;
  /** `null`: it is none. */
  readonly decode: (wire: Wire) => T | null;
  readonly is: (value: unknown) => value is T;
  readonly encode: (value: T) => unknown;
  readonly message: string;
}

/** Something that travels as something else. */
export function codec<Wire, T>({ wire, definition, decode, is, encode, message }: Codec<Wire, T>): Schema<T> {
  const refused = () => new Issue('custom', message);
  return new Schema<T>(definition ?? { type: 'codec', inner: wire }, (input, way) => {
    if (way === 'encode') return is(input) ? (wire.read(encode(input), way) as T | Issue) : refused();
    const travelled = wire.read(input, way);
    if (travelled instanceof Issue) return travelled;
    return decode(travelled) ?? refused();
  });
}

type Sized = string | readonly unknown[];

/** UTF-16 units of a string, items of an array. */
export function minLength(least: number): Check<Sized> {
  return {
    fits: (value) => value.length >= least,
    issue: ['too_small', `expected a length of at least ${least}`],
    json: { string: { minLength: least }, array: { minItems: least } },
  };
}

export function maxLength(most: number): Check<Sized> {
  return {
    fits: (value) => value.length <= most,
    issue: ['too_big', `expected a length of at most ${most}`],
    json: { string: { maxLength: most }, array: { maxItems: most } },
  };
}

export function gte(least: number): Check<number> {
  return {
    fits: (value) => value >= least,
    issue: ['too_small', `expected at least ${least}`],
    json: { number: { minimum: least } },
  };
}

export function lte(most: number): Check<number> {
  return {
    fits: (value) => value <= most,
    issue: ['too_big', `expected at most ${most}`],
    json: { number: { maximum: most } },
  };
}

/** @param pattern without the flags `g` and `y`, which would remember where they were */
export function regex(pattern: RegExp): Check<string> {
  return {
    fits: (value) => pattern.test(value),
    issue: ['invalid_format', 'not of the expected form'],
    json: { string: { pattern: pattern.source } },
  };
}

export function refine<T>(fits: (value: T) => boolean, message = 'not acceptable'): Check<T> {
  return { fits, issue: ['custom', message], json: {} };
}
