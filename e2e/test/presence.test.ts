import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Setup } from '../support/backend.js';
import { World } from '../support/world.js';

const SETUPS: Setup[] = ['embedded', 'cluster'];

describe.each(SETUPS)('typing, presence and safety numbers, %s', (setup) => {
  let world: World;
  beforeAll(async () => {
    world = await World.create(setup);
  });
  afterAll(() => world.end());

  test('Alice sees Bob come, type and go, and both see one safety number', async () => {
    const [alice, bob] = [await world.person('alice', 'bob'), await world.person('bob', 'alice')];
    const [her, his] = [await alice.open(), await bob.open()];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    await her.send('hello');
    await his.shows('hello');
    await his.send('hi');
    await her.shows('hello', 'hi');
    const line = her.page.locator('sotto-chat [part="presence"]');
    await line.getByText('Online').waitFor();
    await his.page.locator('sotto-chat textarea').pressSequentially('wait');
    await line.getByText('Typing').waitFor();

    const digits = [];
    for (const { page } of [her, his]) {
      await page.locator('sotto-chat [part="safety-button"]').click();
      await page.locator('sotto-chat dialog[open] .code').waitFor();
      digits.push((await page.locator('sotto-chat .digits li').allTextContents()).join(''));
    }
    expect(digits[0]).toMatch(/^[0-9]{60}$/);
    expect(digits[1]).toBe(digits[0]);

    await his.close();
    await line.getByText('Last seen').waitFor();
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  });
});
