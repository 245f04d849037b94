import { playwright } from '@vitest/browser-playwright';
import { defineProject } from 'vitest/config';

import { CHROMIUM_ARGS, findChromium } from '../../scripts/services/chromium.js';

const executablePath = await findChromium();

// A widget is what a browser makes of it: layout, focus, scrolling and observers are tested in a real one.
export default defineProject({
  resolve: { conditions: ['@sotto/source', 'module', 'browser', 'import', 'default'] },
  optimizeDeps: {
    include: [
      'lit',
      'lit/directives/guard.js',
      'lit/directives/live.js',
      'lit/directives/ref.js',
      'lit/directives/repeat.js',
      'uqr',
    ],
  },
  test: {
    name: 'widget',
    include: ['test/**/*.test.ts'],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: { ...(executablePath !== null && { executablePath }), args: CHROMIUM_ARGS },
      }),
      instances: [{ browser: 'chromium', viewport: { width: 800, height: 700 } }],
    },
  },
});
