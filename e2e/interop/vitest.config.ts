import { defineConfig, mergeConfig } from 'vitest/config';
import { sourceProject } from '../../vitest.shared.js';

/** A run is thousands of messages, each stored and loaded on both sides. */
export default mergeConfig(
  sourceProject('interop', ['test/**/*.test.ts']),
  defineConfig({ test: { testTimeout: 120_000 } }),
);
