import { existsSync } from 'node:fs';

import { playwright } from '@vitest/browser-playwright';
import { defineProject } from 'vitest/config';

const executablePath = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium'].find(
  (p) => p !== undefined && existsSync(p),
);

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
    ],
  },
  test: {
    name: 'widget',
    include: ['test/**/*.test.ts'],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { ...(executablePath && { executablePath }), args: ['--no-sandbox'] } }),
      instances: [{ browser: 'chromium', viewport: { width: 800, height: 700 } }],
    },
  },
});
