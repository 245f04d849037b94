import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Thread } from '../bench/sdk/trace.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded', 'chromium', { splitting: true });
}, 120_000);
afterAll(() => world.end());

/** What a page does not need when it starts, and what its worker does not, are in files of that name. */
const LATER = '/later-parts-';

const hasFetchedLater = (thread: Thread): Promise<unknown> =>
  until(
    'everything that may be needed later should be fetched',
    () => thread.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name)),
    (names) => names.some((name) => name.includes(LATER)),
  );

test('a page that was open before a deploy goes on, also with what it has not used yet', async () => {
  const { alice, bob, her, his } = await world.acquainted();
  const [worker] = her.page.workers();
  if (!worker) throw new Error('the engine has no worker');
  await Promise.all([her.page, worker].map(hasFetchedLater));
  world.site.withdrawScripts();
  const exported = await her.page.evaluate(async () => {
    const stream = window.probe?.client.export();
    return stream ? new Response(stream).text() : '';
  });
  expect(exported).toContain('hello');
  await his.send('still here');
  await her.shows('hello', 'still here');
  expect([...alice.errors, ...bob.errors]).toEqual([]);
}, 120_000);
