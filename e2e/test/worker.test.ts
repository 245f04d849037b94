import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded');
}, 120_000);
afterEach(() => world.clear());
afterAll(() => world.end());

test('the engine runs in a worker: the page itself asks the relay for nothing', async () => {
  const { her, his } = await world.acquainted();
  for (const { page } of [her, his]) {
    const [worker, ...others] = page.workers();
    expect(others).toEqual([]);
    const names = await worker?.evaluate(async () =>
      (await indexedDB.databases()).map(({ name }) => name?.split('-').at(-1)),
    );
    expect(names?.sort()).toEqual(['history', 'vault']);
    expect(await asksRelay(page)).toBe(false);
  }
});

test.each(['missing', 'refused', 'none'] as const)(
  'where the worker is %s, the page does what it would have done',
  async (worker) => {
    const { alice, bob } = await world.strangers();
    const [her, his] = [await alice.open({ worker }), await bob.open()];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    await her.send('from the page');
    await his.shows('from the page');
    await his.send('from a worker');
    await her.shows('from the page', 'from a worker');
    await her.reaches('read');
    expect(her.page.workers()).toEqual([]);
    expect(await asksRelay(her.page)).toBe(true);
  },
);

/** Over HTTP, for keys: sockets are not among a page's resources. */
function asksRelay(page: Page): Promise<boolean> {
  return page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('/v1/')));
}

test('whatever the page asks of its worker is heard, however little it writes for that', async () => {
  const { her } = await world.acquainted();
  const answers = await her.page.evaluate(async () => {
    const codes = [];
    for (let i = 0; i < 60; i++) {
      const stranger = window.probe?.client.direct(`a stranger ${i}`);
      codes.push(await stranger?.safetyNumber().catch((error: unknown) => (error as { code: string }).code));
    }
    return codes;
  });
  expect(new Set(answers)).toEqual(new Set(['identity-unknown']));
}, 120_000);

test('two tabs of hers, one with the engine in its page: each takes over from the other', async () => {
  const { alice, bob } = await world.strangers();
  const [inWorker, his] = [await alice.open(), await bob.open()];
  await Promise.all([inWorker.isIn('online'), his.isIn('online')]);
  const inPage = await alice.open({ worker: 'none' });
  await inPage.send('through the other tab’s worker');
  await his.shows('through the other tab’s worker');
  await inWorker.close();
  await inPage.send('through the page');
  await his.shows('through the other tab’s worker', 'through the page');
  const again = await alice.open();
  await again.shows('through the other tab’s worker', 'through the page');
  await inPage.crash();
  await again.send('through a worker again');
  await his.shows('through the other tab’s worker', 'through the page', 'through a worker again');
});

test('a worker that the browser ends alone, in the only tab, is replaced', async () => {
  const { her, his } = await world.acquainted();
  const [worker] = her.page.workers();
  const gone = new Promise((resolve) => worker?.once('close', resolve));
  await worker?.evaluate(() => setTimeout(() => globalThis.close()));
  await gone;
  await his.send('while nobody leads');
  await her.send('stored by the page');
  await her.shows('hello', 'while nobody leads', 'stored by the page');
  await his.shows('hello', 'while nobody leads', 'stored by the page');
  expect(her.page.workers()).toHaveLength(1);
}, 120_000);

test('a worker that dies with a message on its way has lost nothing', async () => {
  const { alice, her, his } = await world.acquainted();
  for (let i = 0; i < 5; i++) await her.send(`${i}`);
  await her.crash();
  const again = await alice.open();
  await again.isIn('online');
  await again.send('last');
  const texts = await his.page.waitForFunction(() =>
    window.probe?.messages.some((message) => message.text === 'last')
      ? window.probe.messages.map(({ text }) => text)
      : null,
  );
  const shown = (await texts.jsonValue()) ?? [];
  const numbers = shown.filter((text) => /^\d$/.test(text));
  expect(numbers, 'in order, once, and none between two that came').toEqual(numbers.map((_, i) => `${i}`));
  await again.shows(...shown);
});
