import { playwright } from '@vitest/browser-playwright';
import { defineProject } from 'vitest/config';

import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/services/chromium.js';

const executablePath = await chromiumPath();

// IndexedDB, Web Locks and live queries are what a browser makes of them: their contracts run in a real one.
export default defineProject({
  resolve: { conditions: ['@sotto/source', 'module', 'browser', 'import', 'default'] },
  optimizeDeps: { include: ['fast-check'] },
  test: {
    name: 'sdk-browser',
    include: ['test/browser/**/*.test.ts'],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath, args: CHROMIUM_ARGS } }),
      instances: [{ browser: 'chromium' }],
    },
  },
});
