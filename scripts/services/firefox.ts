import { existsSync } from 'node:fs';

import { onPath } from './chromium.js';

/** Debian's Firefox for tests: `FIREFOX_PATH`, or `firefox-esr` on the PATH. Null: its tests do not run, and are counted so. */
export function findFirefox(): string | null {
  const named = process.env['FIREFOX_PATH'];
  if (named !== undefined && named !== '') return existsSync(named) ? named : null;
  return onPath(['firefox-esr']);
}

/** A virtual screen, for what only a browser with windows does. Null where there is none. */
export const findXvfb = (): string | null => onPath(['Xvfb']);
