import { defineConfig, mergeConfig } from 'vitest/config';
import { sourceProject } from '../../vitest.shared.js';

/** Whole conversations on big-integer curve arithmetic: slow when the machine has other work. */
export default mergeConfig(sourceProject('crypto'), defineConfig({ test: { testTimeout: 120_000 } }));
