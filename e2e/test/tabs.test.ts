import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findXvfb } from '../../scripts/services/firefox.js';
import { HeadedBrowser, VirtualScreen } from '../support/headed.js';
import type { Person } from '../support/person.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

const TABS = 8;
const EACH = 15;
/** More than a tab writes in the time in which it is frozen. */
const MANY = 99;

/**
 * One identity in eight tabs that all write at once, while tabs are closed, crashed, frozen and sent into the back/forward cache, the
 * network is cut and the browser killed. Needs a browser with windows, hence a virtual screen; without one, this counts as not run.
 */
describe.runIf(findXvfb() !== null)('eight tabs', () => {
  let world: World;
  let screen: VirtualScreen;
  let chromium: HeadedBrowser;

  beforeAll(async () => {
    world = await World.create('embedded');
    screen = await VirtualScreen.start();
    chromium = await new HeadedBrowser(screen).start();
  });
  afterAll(async () => {
    await chromium.remove();
    await screen.stop();
    await world.end();
  });

  async function open(person: Person): Promise<Page> {
    const page = await chromium.browser.newPage();
    await page.goto(person.url());
    await isReady(page);
    return page;
  }

  /** Numbers what was stored: the texts for which `send` has resolved. */
  async function write(page: Page, name: string, count: number | (() => number), stored: Set<string>): Promise<void> {
    for (let i = 0; i < (typeof count === 'number' ? count : count()); i++) {
      const text = `${name}-${String(i).padStart(2, '0')}`;
      await page.evaluate((words) => window.probe?.client.direct(window.probe.peer).send(words), text);
      stored.add(text);
    }
  }

  /** Texts of the whole conversation, oldest first, read from a tab's export. */
  async function history(page: Pick<Page, 'evaluate'>): Promise<string[]> {
    const json = await page.evaluate(() => new Response(window.probe?.client.export()).text());
    const { conversations } = JSON.parse(json) as { conversations: { messages: { text: string }[] }[] };
    return conversations.flatMap(({ messages }) => messages.map(({ text }) => text));
  }

  test('nothing is lost, doubled or out of order, whatever becomes of the tabs', async () => {
    const alice = await world.person('alice', 'bob');
    const bob = await world.person('bob', 'alice');
    const his = await bob.open();
    await his.isIn('online');
    const stored = new Set<string>();
    // The first leads.
    const leading = await open(alice);
    await write(leading, 'leading', 1, stored);
    await everythingArrives(stored, his);
    const pages = await Promise.all(Array.from({ length: TABS - 1 }, () => open(alice)));
    const writing = pages.map((page, index) =>
      // A tab that goes takes the rest of its words with it: only what was stored must arrive.
      Promise.race([write(page, `tab${index}`, EACH, stored), gone(page)]).catch(() => undefined),
    );
    // The leader writes with them, and is frozen in the middle of that: it goes on where it stopped when it is woken.
    let enough = MANY;
    const itsWords = () => [...stored].filter((text) => text.startsWith('frozen-')).length;
    const itWrites = write(leading, 'frozen', () => enough, stored);
    await until(
      'the leader should have stored some of its words',
      async () => itsWords(),
      (count) => count >= 2,
    );
    const thaw = await freeze(leading);
    enough = itsWords() + 3;
    const [closing, crashing, leaving, staying] = pages as [Page, Page, Page, Page, ...Page[]];

    await until(
      'some should be stored',
      async () => stored.size,
      (size) => size >= TABS,
    );
    await closing.close();
    await crash(crashing);
    alice.network.cut();
    await leaving.goto(world.elsewhere());
    await until(
      'more should be stored',
      async () => stored.size,
      (size) => size >= 4 * TABS,
    );
    alice.network.heal();
    await leaving.goBack();
    await Promise.all(writing);
    await everythingArrives(stored, his);
    expect(itsWords(), 'frozen before its last word').toBeLessThan(enough);
    await thaw();
    await itWrites;
    await everythingArrives(stored, his);
    // Woken or brought back, they write again.
    await write(leading, 'thawed', 3, stored);
    await isReady(leaving);
    await write(leaving, 'returned', 3, stored);
    await everythingArrives(stored, his);

    const before = stored.size;
    const last = [leading, leaving, staying].map((page, index) =>
      write(page, `last${index}`, EACH, stored).catch(() => undefined),
    );
    await until(
      'the last words should be stored',
      async () => stored.size,
      (size) => size >= before + 4,
    );
    await chromium.kill();
    await Promise.all(last);
    await chromium.start();
    const again = await open(alice);
    await write(again, 'again', 3, stored);
    const arrived = await everythingArrives(stored, his);
    await until(
      'both histories should be equal',
      () => history(again),
      (mine) => mine.join() === arrived.join(),
    );
    expect(await states(again)).toEqual([]);
  }, 300_000);

  /** @returns the other side's history, in which all that was stored stands once, each tab's words in their order */
  async function everythingArrives(
    stored: ReadonlySet<string>,
    his: { page: Pick<Page, 'evaluate'> },
  ): Promise<string[]> {
    const texts = await until(
      'everything stored should arrive',
      () => history(his.page),
      (all) => [...stored].every((text) => all.includes(text)),
      180_000,
    );
    expect(new Set(texts).size, 'no message twice').toBe(texts.length);
    const tabs = new Set(texts.map((text) => text.split('-')[0]));
    for (const tab of tabs) {
      const own = texts.filter((text) => text.startsWith(`${tab}-`));
      expect(own, 'in the order of writing').toEqual([...own].sort());
    }
    return texts;
  }

  /** Own messages that are neither sent nor on their way, and what could not be read. */
  async function states(page: Page): Promise<string[]> {
    return page.evaluate(() =>
      (window.probe?.messages ?? [])
        .filter((message) => message.kind !== 'text' || message.status === 'failed')
        .map(({ kind }) => kind),
    );
  }

  test('a tab that led comes back from the back/forward cache and goes on', async () => {
    const { page, his } = await carolLeads('carol');
    await page.goto(world.elsewhere());
    await his.send('while you were away');
    await page.goBack();
    await isReady(page);
    expect(await cameBack(page)).toEqual({ cameBack: true, reasons: null });
    await until(
      'the tab should catch up',
      () => texts(page),
      (all) => all.includes('while you were away'),
    );
    await write(page, 'back', 1, new Set());
    await his.shows('first-00', 'while you were away', 'back-00');
  });

  test('while one tab is in the back/forward cache another leads; both write when it is back', async () => {
    const { person, page, his } = await carolLeads('carla');
    await page.goto(world.elsewhere());
    const second = await open(person);
    await write(second, 'second', 1, new Set());
    await his.shows('first-00', 'second-00');
    await page.bringToFront();
    await page.goBack();
    await isReady(page);
    await write(page, 'third', 1, new Set());
    await second.close();
    await write(page, 'fourth', 1, new Set());
    await his.shows('first-00', 'second-00', 'third-00', 'fourth-00');
  });

  async function carolLeads(name: string) {
    const person = await world.person(name, `${name}-friend`);
    const his = await (await world.person(`${name}-friend`, name)).open();
    await his.isIn('online');
    const page = await open(person);
    await write(page, 'first', 1, new Set());
    await his.shows('first-00');
    return { person, page, his };
  }

  const texts = (page: Page): Promise<string[]> =>
    page.evaluate(() => (window.probe?.messages ?? []).map(({ text }) => text));

  /** Whether the page is the same one, and if not, why the browser did not keep it. */
  const cameBack = (page: Page): Promise<{ cameBack: boolean; reasons: unknown }> =>
    page.evaluate(() => {
      const [entry] = performance.getEntriesByType('navigation') as { notRestoredReasons?: unknown }[];
      const reasons = JSON.parse(JSON.stringify(entry?.notRestoredReasons ?? null)) as unknown;
      return { cameBack: window.cameBack === true, reasons };
    });
});

/** Asked by a timer: hidden tabs paint no frames. */
async function isReady(page: Page): Promise<void> {
  await page.waitForFunction(() => window.probe !== undefined, { polling: 100 });
}

/** Resolves when the tab has crashed: what was asked of it then gets no answer. */
function gone(page: Page): Promise<void> {
  return new Promise((resolve) => page.once('error', () => resolve()));
}

async function crash(page: Page): Promise<void> {
  const session = await page.createCDPSession();
  const crashed = new Promise((resolve) => page.once('error', resolve));
  // The answer to this command never comes.
  void session.send('Page.crash').catch(() => undefined);
  await crashed;
}

/** @returns what wakes it */
async function freeze(page: Page): Promise<() => Promise<unknown>> {
  const session = await page.createCDPSession();
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  return () => session.send('Page.setWebLifecycleState', { state: 'active' });
}
