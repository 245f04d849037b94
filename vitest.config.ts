import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      'packages/*',
      'examples/backend',
      'e2e',
      'sim',
      'e2e/*/vitest.config.ts',
      'packages/sdk/vitest.browser.config.ts',
    ],
  },
});
