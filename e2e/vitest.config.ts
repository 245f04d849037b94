import { mergeConfig } from 'vitest/config';

import { sourceProject } from '../vitest.shared.js';

/** Real browsers against real relays: one file at a time, for they share the machine with two browsers and three servers. */
export default mergeConfig(sourceProject('e2e', ['test/**/*.test.ts']), {
  test: { fileParallelism: false, testTimeout: 90_000, hookTimeout: 120_000 },
});
