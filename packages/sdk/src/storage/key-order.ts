import type { Key, KeyPart, Range } from './tables.js';

/** IndexedDB's order of keys (Indexed Database API 3.0, section 2.4): number < string < array. */
export function compareKeys(a: Key, b: Key): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareParts(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareParts(a: KeyPart | undefined, b: KeyPart | undefined): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0 || a === b || a === undefined || b === undefined) return rank;
  if (typeof a === 'object' || typeof b === 'object') return 0;
  return a < b ? -1 : 1;
}

function rankOf(part: KeyPart | undefined): number {
  return typeof part === 'number' ? 0 : typeof part === 'string' ? 1 : 2;
}

export function inRange(key: Key, range: Range): boolean {
  if (range.lower) {
    const order = compareKeys(key, range.lower);
    if (order < 0 || (order === 0 && range.lowerOpen)) return false;
  }
  if (range.upper) {
    const order = compareKeys(key, range.upper);
    if (order > 0 || (order === 0 && range.upperOpen)) return false;
  }
  return true;
}

/** The named fields of a row, or null when one is absent (such a row is not in that index, as in IndexedDB). */
export function keyFields(row: object, names: readonly string[]): KeyPart[] | null {
  const parts: KeyPart[] = [];
  for (const name of names) {
    const value = (row as Readonly<Record<string, unknown>>)[name];
    if (typeof value !== 'string' && typeof value !== 'number') return null;
    parts.push(value);
  }
  return parts;
}
