import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { TEST_APP } from '@sotto/relay/testing';
import { mintToken } from '@sotto/relay/token';
import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from 'playwright';

import { CHROMIUM_ARGS, chromiumPath } from '../../../scripts/services/chromium.js';
import { PageServer } from '../../support/page-server.js';
import { RelayProcess } from '../../support/relay-process.js';

const PAGE = fileURLToPath(new URL('../page', import.meta.url));

/** Tabs in processes of their own, memory figures that are not rounded. */
const ARGS = ['--disable-features=ProcessPerSiteUpToMainFrameThreshold', '--enable-precise-memory-info'];

/** Of Chromium's trace format, what is looked at. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  args: { name?: string };
  /** Processor time, microseconds. */
  tdur?: number;
}

/** A website, a relay on PGlite and a browser, with nothing between them that would cost time. */
export class Stage {
  readonly app = TEST_APP.id;
  readonly #end: (() => Promise<unknown>)[];

  private constructor(
    readonly relay: RelayProcess,
    private readonly site: PageServer,
    private readonly browser: Browser,
    end: (() => Promise<unknown>)[],
  ) {
    this.#end = end;
  }

  static async set(): Promise<Stage> {
    const end: (() => Promise<unknown>)[] = [];
    try {
      const site = await PageServer.start((user) => Stage.token(user), PAGE, true);
      end.push(() => site.stop());
      const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
      end.push(async () => rmSync(folder, { recursive: true, force: true }));
      const { id, secret } = TEST_APP;
      const relay = await RelayProcess.start({
        SOTTO_DATA: folder,
        SOTTO_APPS: JSON.stringify([{ id, algorithm: 'HS256', secret, origins: [site.origin] }]),
        LOG_LEVEL: 'error',
      });
      end.push(() => relay.kill());
      const args = [...CHROMIUM_ARGS, ...ARGS];
      const browser = await chromium.launch({ executablePath: await chromiumPath(), args });
      end.push(() => browser.close());
      return new Stage(relay, site, browser, end);
    } catch (error) {
      for (const step of end.reverse()) await step();
      throw error;
    }
  }

  static token(user: string): Promise<string> {
    return mintToken({ app: TEST_APP.id, user, key: TEST_APP.secret });
  }

  /** A browser profile of its own. */
  async profile(): Promise<BrowserContext> {
    const context = await this.browser.newContext({ viewport: { width: 800, height: 900 } });
    // The transpiler wraps named functions in a helper that the page does not have.
    await context.addInitScript({ content: 'globalThis.__name = (named) => named' });
    return context;
  }

  async visit(page: Page, user: string, peer: string): Promise<void> {
    const query = new URLSearchParams({ user, with: peer, app: this.app, relay: this.relay.url });
    await page.goto(`${this.site.origin}/?${query}`);
    await page.waitForFunction(() => window.bench?.client.connection.get().state === 'online', null, {
      timeout: 120_000,
    });
  }

  async open(context: BrowserContext, user: string, peer: string): Promise<Page> {
    const page = await context.newPage();
    await this.visit(page, user, peer);
    return page;
  }

  /**
   * Processor time of the longest task of the pages' main threads, milliseconds: unlike its duration, other programs on the
   * machine do not lengthen it.
   */
  async longestTask(page: Page, work: () => Promise<void>): Promise<number> {
    await this.browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
    await work();
    const { traceEvents } = JSON.parse((await this.browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    const thread = ({ pid, tid }: TraceEvent) => `${pid}:${tid}`;
    const mains = new Set(traceEvents.filter(({ args }) => args.name === 'CrRendererMain').map(thread));
    const tasks = traceEvents.filter((event) => event.name.endsWith('RunTask') && mains.has(thread(event)));
    return tasks.reduce((longest, { tdur = 0 }) => Math.max(longest, tdur / 1_000), 0);
  }

  async end(): Promise<void> {
    for (const step of this.#end.reverse()) await step();
  }
}

/** Bytes in use after everything that can be collected was. */
export async function heapAfterCollection(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize;
}

/** Counts the processor time of a page's main thread, which other programs on the machine do not lengthen. */
export async function mainThreadClock(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const read = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1_000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
  };
  const before = await read();
  return async () => (await read()) - before;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
