import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '@sotto/relay/testing';
import { chromium, type Browser, type Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ROOT } from '../../scripts/lib/repository.js';
import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/services/chromium.js';
import { until } from '../support/until.js';

let demo: ChildProcess;
let browser: Browser;
let url: string;
const output: string[] = [];
const data = mkdtempSync(join(tmpdir(), 'sotto-demo-'));

beforeAll(async () => {
  const port = await freePort();
  const tsx = ['--conditions=@sotto/source', '--import', 'tsx'];
  demo = spawn(process.execPath, [...tsx, join(ROOT, 'scripts/start.ts')], {
    env: { ...process.env, PORT: String(port), SOTTO_DATA: data, NODE_ENV: 'development' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [demo.stdout, demo.stderr]) stream?.on('data', (text: Buffer) => output.push(text.toString()));
  url = `http://localhost:${port}`;
  await until(
    'the start command should print where the demo is',
    async () => output.join(''),
    (text) => text.includes(url),
    90_000,
  );
  browser = await chromium.launch({ executablePath: await chromiumPath(), args: CHROMIUM_ARGS });
});

afterAll(async () => {
  await browser.close();
  const exit = new Promise((resolve) => demo.once('exit', resolve));
  demo.kill('SIGTERM');
  await exit;
  rmSync(data, { recursive: true, force: true });
});

interface Visit {
  page: Page;
  /** Requests to anywhere but the relay. */
  foreign: string[];
  errors: string[];
}

async function visit(path = '/'): Promise<Visit> {
  const page = await browser.newPage();
  const foreign: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== url) foreign.push(request.url());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(url + path);
  await page.getByLabel('Alice’s device').locator('textarea').waitFor();
  return { page, foreign, errors };
}

const device = (page: Page, name: string) => page.getByLabel(`${name}’s device`);
const shown = (page: Page, name: string) => device(page, name).locator('.message .text').allTextContents();

async function write(page: Page, name: string, text: string): Promise<void> {
  const field = device(page, name).locator('textarea');
  await field.fill(text);
  await field.press('Enter');
}

async function shows(page: Page, name: string, ...texts: string[]): Promise<void> {
  const wanted = JSON.stringify(texts);
  await until(
    `${name} should see ${wanted}`,
    () => shown(page, name),
    (all) => JSON.stringify(all) === wanted,
    60_000,
  );
}

test('what the start command prints is a page on which Alice’s words reach Bob, who sleeps, wakes and answers', async () => {
  const { page, foreign, errors } = await visit();
  await write(page, 'Alice', 'Hello Bob');
  await shows(page, 'Bob', 'Hello Bob');

  await page.getByRole('button', { name: 'Put Bob’s device to sleep' }).click();
  await write(page, 'Alice', 'Sleep well');
  await until(
    'the message should wait at the relay',
    () => device(page, 'Alice').locator('.message').last().getAttribute('data-status'),
    (status) => status === 'sent',
  );
  await page.getByRole('button', { name: 'Wake Bob’s device up' }).click();
  await shows(page, 'Bob', 'Hello Bob', 'Sleep well');
  await write(page, 'Bob', 'Good morning');
  await shows(page, 'Alice', 'Hello Bob', 'Sleep well', 'Good morning');

  await page.reload();
  await shows(page, 'Alice', 'Hello Bob', 'Sleep well', 'Good morning');
  expect(foreign).toEqual([]);
  expect(errors).toEqual([]);
  await page.close();
});
