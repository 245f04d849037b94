import type { ReceiptPolicy } from '@sotto/sdk';
import type { Browser, BrowserContext, Page } from 'playwright';
import { expect } from 'vitest';

import type { Probe } from '../page/main.js';
import type { TcpProxy } from './proxy.js';

/** How long something may take that a person waits for, milliseconds. Generous: the machine is shared by two browsers and three servers. */
const PATIENCE_MS = 30_000;

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
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) this.errors.push(message.text());
    });
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
    await expect.poll(() => this.texts(), { timeout: PATIENCE_MS, message: 'on screen' }).toEqual(texts);
  }

  /** Statuses of own messages, top to bottom. */
  async statuses(): Promise<string[]> {
    return this.page
      .locator('sotto-chat .message.mine')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-status') ?? ''));
  }

  /** Waits until all own messages have at least reached this status. */
  async reaches(status: 'sent' | 'delivered' | 'read', timeout = PATIENCE_MS): Promise<void> {
    const order = ['pending', 'sent', 'delivered', 'read'];
    const least = order.indexOf(status);
    await expect
      .poll(() => this.statuses(), { timeout, message: `all ${status}` })
      .toSatisfy((all: string[]) => all.length > 0 && all.every((one) => order.indexOf(one) >= least));
  }

  connection(): Promise<Probe['connection'] | undefined> {
    return this.page.evaluate(() => window.probe?.connection);
  }

  async isIn(state: Probe['connection']['state'], fields: Record<string, unknown> = {}): Promise<void> {
    await expect
      .poll(() => this.connection(), { timeout: PATIENCE_MS, message: `connection ${state}` })
      .toMatchObject({ state, ...fields });
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.locator('sotto-chat textarea').waitFor();
  }

  close(): Promise<void> {
    return this.page.close();
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
  async open({ receipts = 'always' }: { receipts?: ReceiptPolicy } = {}): Promise<Tab> {
    const { name, peer, app, origin, network } = this.#options;
    const tab = new Tab(await this.#context.newPage());
    this.#tabs.push(tab);
    const query = new URLSearchParams({
      user: name,
      with: peer,
      app,
      relay: `http://127.0.0.1:${network.port}`,
      receipts,
    });
    await tab.page.goto(`${origin}/?${query}`);
    await tab.page.locator('sotto-chat textarea').waitFor();
    return tab;
  }

  /** Errors of all tabs that were ever open. */
  get errors(): string[] {
    return this.#tabs.flatMap(({ errors }) => errors);
  }

  leave(): Promise<void> {
    return this.#context.close();
  }
}
