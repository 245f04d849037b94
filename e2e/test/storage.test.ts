import { afterAll, beforeAll, expect, test } from 'vitest';

import { World } from '../support/world.js';
import { until } from '../support/until.js';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded');
}, 120_000);
afterAll(() => world.end());

/** Enough for keys and a few large messages. */
const QUOTA = 3_000_000;

test('Alice’s browser is full: what fits is sent, what does not is refused whole, and with room everything goes on', async () => {
  const alice = await world.person('alice', 'bob', { quota: QUOTA });
  const bob = await world.person('bob', 'alice');
  const [her, his] = [await alice.open(), await bob.open()];
  await Promise.all([her.isIn('online'), his.isIn('online')]);
  const { stored, code } = await her.page.evaluate(async () => {
    const conversation = window.probe?.client.direct('bob');
    let stored = 0;
    try {
      for (; stored < 300; stored++) {
        // Browsers compress what they store.
        const noise = String.fromCharCode(
          ...crypto.getRandomValues(new Uint8Array(20_000)).map((byte) => 32 + (byte % 90)),
        );
        await conversation?.send(`${stored} ${noise}`);
      }
    } catch (error) {
      return { stored, code: (error as { code?: string }).code };
    }
    return { stored, code: 'never full' };
  });
  expect(code).toBe('storage-full');
  expect(stored).toBeGreaterThan(3);
  const numbers = (texts: readonly string[]): number[] => texts.map((text) => Number.parseInt(text, 10));
  const expected = Array.from({ length: stored }, (_, i) => i);
  await until(
    'her screen should show what was stored and nothing of what was refused',
    async () => numbers(await her.texts()),
    (shown) => JSON.stringify(shown) === JSON.stringify(expected.slice(-shown.length)) && shown.length > 0,
  );

  await alice.setQuota(her);
  await her.page.evaluate(() => window.probe?.client.direct('bob').send('room again'));
  await until(
    'everything should arrive, in order, once',
    async () => his.page.evaluate(() => window.probe?.messages.map(({ text }) => text.slice(0, 10)) ?? []),
    (texts) => {
      const arrived = texts.slice(0, -1);
      const last = expected.slice(-arrived.length);
      return texts.at(-1) === 'room again' && JSON.stringify(numbers(arrived)) === JSON.stringify(last);
    },
    90_000,
  );
  expect([...alice.errors, ...bob.errors]).toEqual([]);
}, 180_000);
