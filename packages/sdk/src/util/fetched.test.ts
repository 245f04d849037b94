import { expect, test } from 'vitest';

import { fetched } from './fetched.js';

test('a part that can be fetched is handed on', async () => {
  expect(await fetched(Promise.resolve('the part'))).toBe('the part');
});

test('a part that cannot is told in the SDK’s own words, and with what the browser said', async () => {
  const cause = new TypeError('Failed to fetch dynamically imported module');
  const error: unknown = await fetched(Promise.reject(cause)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'SottoError', code: 'relay-unreachable', cause });
  expect(String(error)).toContain('a part of Sotto could not be fetched');
});
