import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { CACHE } from '../lib/repository.js';

/** Where npm packages with binaries are put when the system has none; see `install.ts`. */
export const FALLBACK = join(CACHE, 'services');

/**
 * A Chromium for tests: `CHROMIUM_PATH`, one that Playwright installed, one on the PATH, else the binary of
 * `@sparticuz/chromium` if `pnpm test` fetched it.
 *
 * @returns the executable's path, or `null` if there is none
 */
export async function findChromium(): Promise<string | null> {
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined && named !== '') return existsSync(named) ? named : null;
  return (
    (await playwrightChromium()) ??
    onPath(['chromium', 'chromium-browser', 'google-chrome']) ??
    (await packagedChromium())
  );
}

/** Like {@link findChromium}, but an error that says what to type when there is none. */
export async function chromiumPath(): Promise<string> {
  const path = await findChromium();
  if (path === null)
    throw new Error('No Chromium: run `npx -y pnpm@12 test`, which installs one, or set CHROMIUM_PATH.');
  return path;
}

/**
 * Flags for Chromium in tests. The sandbox cannot work as root (containers, CI); the others keep the browser from
 * talking to anyone but the test.
 */
export const CHROMIUM_ARGS = [
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The first of the names that is an executable on the PATH. */
export function onPath(names: string[], extraFolders: string[] = []): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...extraFolders];
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find((path) => existsSync(path)) ?? null;
}

async function playwrightChromium(): Promise<string | null> {
  const { chromium } = await import('playwright');
  const path = chromium.executablePath();
  return existsSync(path) ? path : null;
}

async function packagedChromium(): Promise<string | null> {
  if (!existsSync(join(FALLBACK, 'node_modules/@sparticuz/chromium'))) return null;
  const entry = createRequire(join(FALLBACK, 'index.js')).resolve('@sparticuz/chromium');
  const loaded = (await import(pathToFileURL(entry).href)) as { default: { executablePath(): Promise<string> } };
  return loaded.default.executablePath();
}
