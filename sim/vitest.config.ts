import { mergeConfig } from 'vitest/config';

import { sourceProject } from '../vitest.shared.js';

/** Worlds live in child processes, two at a time: one file after the other. */
export default mergeConfig(sourceProject('sim', ['test/**/*.test.ts']), {
  test: { fileParallelism: false, testTimeout: 120_000 },
});
