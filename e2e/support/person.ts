import type { ReceiptPolicy } from '@sotto/sdk';
import type { Browser, BrowserContext, Page } from 'playwright';

import type { Probe } from '../page/main.js';
import type { WORKERS } from '../page/start-worker.js';
import type { TcpProxy } from './proxy.js';
import { until } from './until.js';

export interface Shown {
  text: string;
  mine: boolean;
}

/** What a chat tab shows, read from its DOM, and what its client says. */
export class Tab {
  readonly page: Page;
  /** Uncaught errors and violated policies: there should be none. */
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.#note(String(error)));
    page.on('console', (message) => {
      const text = message.text();
      if (/Content Security Policy|TrustedHTML|TrustedScript/.test(text)) this.#note(text);
    });
  }

  /** Firefox asks for a favicon of its own accord, and calls the refusal an error. */
  #note(error: string): void {
    if (!error.includes('/favicon.ico')) this.errors.push(error);
  }

  /** Types into the composer and presses Enter, as a person would. */
  async send(...texts: string[]): Promise<void> {
    const field = this.page.locator('sotto-chat textarea');
    for (const text of texts) {
      await field.fill(text);
      await field.press('Enter');
    }
  }

  /** All messages on screen, top to bottom. */
  async shown(): Promise<Shown[]> {
    return this.page.locator('sotto-chat .message').evaluateAll((rows) =>
      rows.map((row) => ({
        text: row.querySelector('.text')?.textContent ?? '',
        mine: row.classList.contains('mine'),
      })),
    );
  }

  async texts(): Promise<string[]> {
    return (await this.shown()).map(({ text }) => text);
  }

  /** Waits until exactly these texts stand on screen, in this order. */
  async shows(...texts: string[]): Promise<void> {
    const wanted = JSON.stringify(texts);
    await until(
      `the screen should show ${wanted}`,
      () => this.texts(),
      (shown) => JSON.stringify(shown) === wanted,
    );
  }

  /** Waits until this many messages stand on screen, and returns their texts. */
  showsCount(count: number, timeout?: number): Promise<string[]> {
    return until(
      `the screen should show ${count} messages`,
      () => this.texts(),
      ({ length }) => length === count,
      timeout,
    );
  }

  /** Statuses of own messages, top to bottom. */
  async statuses(): Promise<string[]> {
    return this.page
      .locator('sotto-chat .message.mine')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-status') ?? ''));
  }

  /** Waits until all own messages have at least reached this status. */
  async reaches(status: 'sent' | 'delivered' | 'read', timeout?: number): Promise<void> {
    const order = ['pending', 'sent', 'delivered', 'read'];
    const least = order.indexOf(status);
    const isThere = (all: string[]) => all.length > 0 && all.every((one) => order.indexOf(one) >= least);
    await until(`all messages should be ${status}`, () => this.statuses(), isThere, timeout);
  }

  connection(): Promise<Probe['connection'] | undefined> {
    return this.page.evaluate(() => window.probe?.connection);
  }

  /** Waits for this state of the connection; with a code if it should have a certain one. */
  async isIn(state: Probe['connection']['state'], code?: string): Promise<void> {
    await until(
      `the connection should be ${state} ${code ?? ''}`,
      () => this.connection(),
      (is) => is?.state === state && (code === undefined || ('code' in is && is.code === code)),
    );
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.locator('sotto-chat textarea').waitFor();
  }

  close(): Promise<void> {
    return this.page.close();
  }

  /** Ends the tab's process as a crash does: no event handler runs. */
  async crash(): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    const crashed = new Promise((resolve) => this.page.once('crash', resolve));
    // The answer to this command never comes.
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
  }
}

export interface PersonOptions {
  name: string;
  /** The other side of the conversation. */
  peer: string;
  app: string;
  origin: string;
  /** The way to the relay, which can be cut. */
  network: TcpProxy;
  /** Bytes that the browser lets the app store; its own limit if absent. */
  quota?: number | undefined;
}

interface UrlOptions {
  receipts?: ReceiptPolicy;
  /** How the page starts the engine's worker. */
  worker?: keyof typeof WORKERS;
}

interface OpenOptions extends UrlOptions {
  /** False: something on the way to the relay refuses them. */
  webSockets?: boolean;
}

/** Runs in the page: its WebSockets go to a server that does not know them. */
function refuseWebSockets(): void {
  const Native = WebSocket;
  window.WebSocket = class extends Native {
    constructor(url: string | URL) {
      super(new URL(new URL(url).pathname, location.href));
    }
  };
}

/** One user on one device: a browser profile with storage of its own. */
export class Person {
  readonly name: string;
  readonly network: TcpProxy;
  readonly #options: PersonOptions;
  readonly #context: BrowserContext;
  readonly #tabs: Tab[] = [];

  private constructor(options: PersonOptions, context: BrowserContext) {
    this.name = options.name;
    this.network = options.network;
    this.#options = options;
    this.#context = context;
  }

  static async arrive(browser: Browser, options: PersonOptions): Promise<Person> {
    return new Person(options, await browser.newContext());
  }

  /** Opens the app in a tab. Receipts go to everyone unless the story is about them. */
  async open({ webSockets = true, ...options }: OpenOptions = {}): Promise<Tab> {
    const tab = new Tab(await this.#context.newPage());
    this.#tabs.push(tab);
    if (!webSockets) await tab.page.addInitScript(refuseWebSockets);
    if (this.#options.quota !== undefined) await this.setQuota(tab, this.#options.quota);
    // What refuses them is in the page.
    await tab.page.goto(this.url(webSockets ? options : { ...options, worker: 'none' }));
    await tab.page.locator('sotto-chat textarea').waitFor();
    return tab;
  }

  /** The app's address for this person, for a browser of the story's own. */
  url({ receipts = 'always', worker = 'own' }: UrlOptions = {}): string {
    const { name, peer, app, origin, network } = this.#options;
    const relay = `http://127.0.0.1:${network.port}`;
    return `${origin}/?${new URLSearchParams({ user: name, with: peer, app, relay, receipts, worker })}`;
  }

  /** Errors of all tabs that were ever open. */
  get errors(): string[] {
    return this.#tabs.flatMap(({ errors }) => errors);
  }

  /** @param quotaSize bytes; absent: the browser's own limit again */
  async setQuota(tab: Tab, quotaSize?: number): Promise<void> {
    const session = await this.#context.newCDPSession(tab.page);
    const origin = this.#options.origin;
    await session.send('Storage.overrideQuotaForOrigin', { origin, ...(quotaSize !== undefined && { quotaSize }) });
  }

  leave(): Promise<void> {
    return this.#context.close();
  }
}
