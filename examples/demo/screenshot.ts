/**
 * Makes the README's pictures from the real demo: `node --conditions=@sotto/source --import tsx examples/demo/screenshot.ts`.
 * Builds the page, starts a relay, lets Alice and Bob talk, and writes `docs/demo.png` and `docs/demo-dark.png`.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { startRelay } from '@sotto/relay';
import { chromium, type Browser, type Page } from 'playwright';

import { run } from '../../scripts/lib/run.js';
import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/services/chromium.js';

const DEMO = fileURLToPath(new URL('.', import.meta.url));
const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

const STORY: readonly (readonly ['alice' | 'bob', string])[] = [
  ['alice', 'Hi Bob! Are you free for a walk this evening?'],
  ['bob', 'Yes, after six. The usual bench?'],
  ['bob', 'I bring the coffee.'],
  ['alice', 'Perfect. And nobody knows where, not even the server.'],
];

const built = await run('vite', ['build', '--logLevel', 'warn'], { cwd: DEMO });
if (built.code !== 0) throw new Error('the demo does not build');
await mkdir(DOCS, { recursive: true });
const browser = await chromium.launch({ executablePath: await chromiumPath(), args: CHROMIUM_ARGS });
try {
  await picture(browser, 'light', `${DOCS}demo.png`);
  await picture(browser, 'dark', `${DOCS}demo-dark.png`);
} finally {
  await browser.close();
}

async function picture(from: Browser, colorScheme: 'light' | 'dark', path: string): Promise<void> {
  const relay = await startRelay({
    dev: true,
    memory: true,
    host: '127.0.0.1',
    port: 0,
    staticFolder: `${DEMO}dist`,
    logLevel: 'error',
  });
  const context = await from.newContext({ viewport: { width: 1440, height: 900 }, colorScheme });
  try {
    const page = await context.newPage();

    await page.goto(`http://localhost:${relay.port}`);
    await page.locator('.dot[data-online]').nth(1).waitFor();
    for (const [who, text] of STORY) {
      // Each message begins with an empty relay, so that the picture shows the envelopes of the last one.
      await page.locator('.nothing').nth(1).waitFor();
      await say(page, who, text);
    }
    await page.locator('.left .envelope').first().waitFor();
    await page.locator('.right .envelope').first().waitFor();
    await page.locator('.alice .status.read').last().waitFor();
    await page.locator('.alice textarea').blur();
    await settled(page);
    await page.screenshot({ path });
    console.log(path);
  } finally {
    await context.close();
    await relay.close();
  }
}

/** Writes, and waits until the other one has it. */
async function say(page: Page, who: 'alice' | 'bob', text: string): Promise<void> {
  const field = page.locator(`.${who} textarea`);
  await field.fill(text);
  await field.press('Enter');
  await page
    .locator(`.${who === 'alice' ? 'bob' : 'alice'} .theirs`)
    .getByText(text)
    .waitFor();
}

/** Until no envelope is moving any more. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
}
