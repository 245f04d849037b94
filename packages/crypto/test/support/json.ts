import { readFileSync } from 'node:fs';

/** A vector file of test/vectors/data, given its type by the test that knows its shape. */
export function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/data/${name}.json`, import.meta.url), 'utf8')) as unknown;
}
