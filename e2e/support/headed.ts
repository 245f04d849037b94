import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import puppeteer, { type Browser } from 'puppeteer-core';

import { CHROMIUM_ARGS, chromiumPath } from '../../scripts/services/chromium.js';
import { findXvfb } from '../../scripts/services/firefox.js';
import { TAB_PROCESSES } from './browser.js';

/** A screen that nobody sees. */
export class VirtualScreen {
  private constructor(
    readonly display: string,
    private readonly server: ChildProcess,
  ) {}

  static async start(): Promise<VirtualScreen> {
    const path = findXvfb();
    if (path === null) throw new Error('No Xvfb: `apt-get install xvfb`.');
    // The server chooses a free number and writes it to descriptor 3.
    const server = spawn(path, ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const [number] = (await once(server.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer];
    return new VirtualScreen(`:${number.toString().trim()}`, server);
  }

  async stop(): Promise<void> {
    this.server.kill();
    await once(this.server, 'exit');
  }
}

/**
 * A browser with windows and a profile on the disk, as a person has it: unlike under Playwright, its tabs freeze, go into the
 * back/forward cache, and hidden ones are throttled. It can be killed and started again on the same profile.
 */
export class HeadedBrowser {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sotto-profile-'));
  readonly #screen: VirtualScreen;
  #browser: Browser | null = null;

  constructor(screen: VirtualScreen) {
    this.#screen = screen;
  }

  get browser(): Browser {
    if (!this.#browser) throw new Error('not started');
    return this.#browser;
  }

  async start(): Promise<this> {
    this.#browser = await puppeteer.launch({
      executablePath: await chromiumPath(),
      headless: false,
      userDataDir: this.#folder,
      env: { ...process.env, DISPLAY: this.#screen.display },
      args: [...CHROMIUM_ARGS, TAB_PROCESSES],
      ignoreDefaultArgs: ['--disable-back-forward-cache', '--disable-background-timer-throttling'],
      protocolTimeout: 120_000,
    });
    return this;
  }

  /** As when the power goes: no handler runs. */
  async kill(): Promise<void> {
    const process = this.browser.process();
    if (!process) return;
    const gone = process.exitCode === null ? once(process, 'exit') : Promise.resolve();
    process.kill('SIGKILL');
    await gone;
    this.#browser = null;
  }

  async remove(): Promise<void> {
    await this.#browser?.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}
