import { chromium, type Browser } from 'playwright';
import { firefox } from 'playwright-esr';

import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/services/chromium.js';
import { findFirefox } from '../../scripts/services/firefox.js';

export type Engine = 'chromium' | 'firefox';

/** Each tab in a process of its own, so that one can crash without the others. */
export const TAB_PROCESSES = '--disable-features=ProcessPerSiteUpToMainFrameThreshold';

export async function launch(engine: Engine): Promise<Browser> {
  return engine === 'chromium'
    ? chromium.launch({ executablePath: await chromiumPath(), args: [...CHROMIUM_ARGS, TAB_PROCESSES] })
    : launchFirefox();
}

/** Debian's Firefox speaks WebDriver BiDi, which only this version of Playwright drives (its types are the same). */
async function launchFirefox(): Promise<Browser> {
  const executablePath = findFirefox();
  if (executablePath === null) throw new Error('No Firefox: `apt-get install firefox-esr`, or set FIREFOX_PATH.');
  return (await firefox.launch({ channel: 'moz-firefox', executablePath })) as unknown as Browser;
}
