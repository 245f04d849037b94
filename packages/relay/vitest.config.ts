import { mergeConfig } from 'vitest/config';

import { sourceProject } from '../../vitest.shared.js';

/** Starting an embedded PostgreSQL takes seconds on a busy machine; these bounds only end what hangs. */
export default mergeConfig(sourceProject('relay'), { test: { testTimeout: 60_000, hookTimeout: 120_000 } });
