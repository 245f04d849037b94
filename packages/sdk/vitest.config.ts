import { defineProject, mergeConfig } from 'vitest/config';

import { sourceProject } from '../../vitest.shared.js';

/** Stories wait for events, on a machine that may be busy with other things: the limit only ends what never comes. */
export default mergeConfig(
  sourceProject('sdk', ['src/**/*.test.ts', 'test/{contracts,content,scenarios,network}/**/*.test.ts']),
  // Node 20 has a WebSocket only where it is asked for.
  defineProject({ test: { testTimeout: 60_000, execArgv: ['--experimental-websocket'] } }),
);
