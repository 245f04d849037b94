import { randomUUID } from 'node:crypto';

import { ROUTES } from '@sotto/protocol';
import { aciOf } from '@sotto/relay';
import { auth, http, newUser } from '@sotto/relay/testing';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { Tab } from '../support/person.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.create('embedded');
}, 120_000);
afterEach(() => world.clear());
afterAll(() => world.end());

const destroy = ({ page }: Tab): Promise<void> => page.evaluate(() => window.probe?.client.destroy());

const databases = (page: Page): Promise<(string | undefined)[]> =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

const identityKey = ({ page }: Tab): Promise<string> =>
  page.evaluate(async () => {
    const number = await window.probe?.client.direct(window.probe.peer).safetyNumber();
    return JSON.stringify(number?.digits);
  });

/** Whether anybody can find a device of this user at the relay. */
async function isListed(name: string): Promise<boolean> {
  const { url } = world.relays[0];
  const asker = await newUser(url, `asker-${randomUUID()}`);
  const path = ROUTES.getDeviceList.path.replace(':user', aciOf(asker.app, name));
  const answer = await http(url, { method: 'GET', path }, auth(asker));
  if (answer.status !== 200) expect(answer.body).toMatchObject({ code: 'user-unknown' });
  return answer.status === 200;
}

test.each([
  ['leads', 0],
  ['follows', 1],
] as const)(
  'a device destroyed from the tab that %s is gone: in the other tab, on the disk, at the relay',
  async (_, which) => {
    const { alice, bob } = await world.strangers();
    const his = await bob.open();
    const tabs = [await alice.open()];
    await tabs[0]?.isIn('online');
    tabs.push(await alice.open());
    const [first, second] = tabs as [Tab, Tab];
    await first.send('hello');
    await his.shows('hello');
    await Promise.all([second.shows('hello'), second.isIn('online')]);
    const before = await identityKey(first);
    expect(await databases(first.page)).toHaveLength(2);
    expect(await isListed(alice.name)).toBe(true);

    const [destroyed, other] = which === 0 ? [first, second] : [second, first];
    await destroy(destroyed);
    await Promise.all(tabs.map((tab) => tab.isIn('closed')));
    const refusal = await other.page.evaluate(() =>
      window.probe?.client
        .direct(window.probe.peer)
        .send('too late')
        .catch((error: unknown) => (error as { code: string }).code),
    );
    expect(refusal).toBe('closed');
    await until(
      'the databases should be gone',
      () => databases(other.page),
      (names) => names.length === 0,
    );
    await Promise.all(tabs.map((tab) => tab.close()));

    expect(await isListed(alice.name)).toBe(false);
    // Nothing of the old device stands in the way of a new one.
    const again = await alice.open();
    await again.isIn('online');
    await again.shows();
    expect(await isListed(alice.name)).toBe(true);
    await again.send('it is me, anew');
    await his.shows('hello', 'it is me, anew');
    expect(await identityKey(again)).not.toBe(before);
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  },
  120_000,
);
