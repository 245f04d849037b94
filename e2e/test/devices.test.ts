import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Tab } from '../support/person.js';
import { World } from '../support/world.js';

const PASSPHRASE = 'four quite random words';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded');
});
afterAll(() => world.end());

/** What the dialog gives for another device, sealed by the passphrase. */
async function sealedBy({ page }: Tab): Promise<string> {
  await page.locator('[part="devices-button"]').click();
  await page.locator('[part="link-other-button"]').click();
  await page.locator('dialog[open] [name="passphrase"]').fill(PASSPHRASE);
  await page.locator('dialog[open] [name="again"]').fill(PASSPHRASE);
  await page.locator('[part="seal-button"]').click();
  const text = await page.locator('[part="sealed-text"]').inputValue();
  await page.keyboard.press('Escape');
  return text;
}

test('Alice links a second browser, both have the conversation with Bob, and the one she removes wipes itself', async () => {
  const [first, second, bob] = [
    await world.person('alice', 'bob'),
    await world.person('alice', 'bob'),
    await world.person('bob', 'alice'),
  ];
  const [laptop, his] = [await first.open(), await bob.open()];
  await Promise.all([laptop.isIn('online'), his.isIn('online')]);
  const phone = await second.open();
  await phone.isIn('needs-device');
  const sealed = await sealedBy(laptop);

  await phone.page.locator('[part="link-button"]').click();
  await phone.page.locator('[name="sealed"]').fill(sealed);
  await phone.page.locator('.link-form [name="passphrase"]').fill('a guess');
  await phone.page.locator('[part="link-confirm-button"]').click();
  await phone.page.getByText('does not open the text').waitFor();
  await phone.page.locator('.link-form [name="passphrase"]').fill(PASSPHRASE);
  await phone.page.locator('[part="link-confirm-button"]').click();
  await phone.isIn('online');

  await laptop.send('from the laptop');
  await Promise.all([his, phone].map((tab) => tab.shows('from the laptop')));
  await phone.send('from the phone');
  await Promise.all([his, laptop].map((tab) => tab.shows('from the laptop', 'from the phone')));
  await his.send('hello, both');
  await Promise.all([laptop, phone].map((tab) => tab.shows('from the laptop', 'from the phone', 'hello, both')));

  await laptop.page.locator('[part="devices-button"]').click();
  await laptop.page.locator('[part="remove-button"]').click();
  await laptop.page.locator('[part="remove-confirm-button"]').click();
  await phone.isIn('signed-out', 'device-gone');
  await phone.page.getByText('what it held is wiped').waitFor();
  await phone.shows();
  await laptop.page.locator('[part="remove-button"]').waitFor({ state: 'detached' });
  expect([...first.errors, ...second.errors, ...bob.errors]).toEqual([]);
});
