import { expect, test } from 'vitest';

import { isShallow } from './nesting.js';

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

test.each<[string, boolean]>([
  [nested(64), true],
  [nested(65), false],
  [nested(64, '{"a":', '}'), true],
  [nested(65, '{"a":', '}'), false],
  [`[${'[],'.repeat(1_000)}[]]`, true],
  [JSON.stringify([`${nested(100)}"`, '\\', nested(100), '\\"[']), true],
  [JSON.stringify({ '[[[\\"': nested(100) }), true],
  [`["\\\\",${nested(64)}]`, false],
])('%.40s… is shallow: %s', (json, verdict) => {
  expect(isShallow(json)).toBe(verdict);
});
