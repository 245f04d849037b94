import { readFileSync } from 'node:fs';

/** A vector file of test/vectors/data, typed by the test that knows its shape. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/data/${name}.json`, import.meta.url), 'utf8')) as T;
}
