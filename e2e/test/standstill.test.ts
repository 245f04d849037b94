import type { Page, Route } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded');
}, 120_000);
afterEach(() => world.clear());
afterAll(() => world.end());

/** No event tells the page, and it keeps its lock: it only stops, as with an endless loop or a debugger. */
test('a leading tab stands still: another visible one takes over, and the first follows when it runs again', async () => {
  const { alice, bob } = await world.strangers();
  const leading = await alice.open({ worker: 'none' });
  const his = await bob.open();
  await Promise.all([leading.isIn('online'), his.isIn('online')]);
  await leading.send('from the first');
  await his.shows('from the first');
  await leading.reaches('read');
  const other = await alice.open({ worker: 'none' });
  await other.shows('from the first');

  const goOn = await standStill(leading.page);
  await other.send('from the second');
  await his.shows('from the first', 'from the second');
  await his.send('to whoever leads');
  await other.shows('from the first', 'from the second', 'to whoever leads');

  await goOn();
  await leading.send('from the first again');
  const all = ['from the first', 'from the second', 'to whoever leads', 'from the first again'];
  await his.shows(...all);
  await leading.shows(...all);
  await other.close();
  await leading.send('and alone');
  await his.shows(...all, 'and alone');
  await leading.reaches('read');
  expect([...alice.errors, ...bob.errors]).toEqual([]);
}, 120_000);

test('a leading tab whose engine is in a worker leads on while its page stands still', async () => {
  const { alice, bob } = await world.strangers();
  const [leading, his] = [await alice.open(), await bob.open()];
  await Promise.all([leading.isIn('online'), his.isIn('online')]);
  const other = await alice.open({ worker: 'none' });
  const goOn = await standStill(leading.page);
  await other.send('through the worker of the first');
  await his.shows('through the worker of the first');
  await his.send('back through it');
  await other.shows('through the worker of the first', 'back through it');
  expect(await asksRelay(other.page)).toBe(false);
  await goOn();
  await leading.shows('through the worker of the first', 'back through it');
}, 120_000);

/** Its main thread waits for an answer that does not come. @returns what gives it */
async function standStill(page: Page): Promise<() => Promise<void>> {
  const asked = new Promise<Route>((resolve) => void page.route('**/stand-still', resolve));
  const stands = page.evaluate(() => {
    const request = new XMLHttpRequest();
    request.open('GET', '/stand-still', false);
    request.send();
  });
  const route = await asked;
  return async () => {
    await route.fulfill({ body: '' });
    await stands;
  };
}

/** Over HTTP, for keys: sockets are not among a page's resources. */
function asksRelay(page: Page): Promise<boolean> {
  return page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('/v1/')));
}
