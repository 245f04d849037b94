import { describe, expect, test } from 'vitest';

import { findFirefox } from '../../scripts/services/firefox.js';
import type { Outcome } from '../contract/in-page.js';
import { serveContract } from '../contract/page.js';
import { launch } from '../support/browser.js';

const hasFirefox = findFirefox() !== null;

if (!hasFirefox)
  console.warn('NOT RUN: the storage contract in Firefox. There is none here: `apt-get install firefox-esr`.');

/** The suites that vitest runs in Chromium, in a page that any browser can open. */
describe.each(['chromium', 'firefox'] as const)('storage contract in %s', (engine) => {
  test.runIf(engine !== 'firefox' || hasFirefox)('everything holds', { timeout: 300_000 }, async () => {
    const { url, stop } = await serveContract();
    const browser = await launch(engine);
    try {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(error));
      await page.goto(url);
      const outcomes: Outcome[] | undefined = await page.evaluate(() => window.runContract?.());
      expect(outcomes?.filter(({ error }) => error !== null)).toEqual([]);
      expect(outcomes?.length).toBeGreaterThan(30);
    } finally {
      await browser.close();
      stop();
    }
  });
});
