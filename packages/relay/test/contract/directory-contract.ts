import { expect, test } from 'vitest';

import { random } from '../support/device.js';
import { APP, DAY, NOW, type StoreWorld } from './store-world.js';

/** Users, their devices and what they have used up. */
export function directoryContract({ store, newUser, newDevice }: StoreWorld): void {
  test('a decision that throws changes nothing', async () => {
    const bob = await newDevice();
    const before = await store().user(APP, bob.address.user);
    await expect(
      store().updateUser(APP, bob.address.user, () => {
        throw new Error('refused');
      }),
    ).rejects.toThrow('refused');
    expect(await store().user(APP, bob.address.user)).toEqual(before);
  });

  test('decisions about one user come one after another', async () => {
    const user = newUser();
    const seen = await Promise.all(
      Array.from({ length: 12 }, () =>
        store().updateUser(APP, user, (state) => ({
          change: { nextListVersion: state.nextListVersion + 1 },
          result: state.nextListVersion,
        })),
      ),
    );
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  });

  test('a user is remembered with all that a change may hold', async () => {
    const bob = await newDevice();
    const { user } = bob.address;
    const [link, reset] = [random(32), random(32)];
    await store().updateUser(APP, user, () => ({
      change: { addLinkToken: { hash: link, expiresAt: NOW + 1 }, useReset: { hash: reset, expiresAt: NOW + 1 } },
      result: undefined,
    }));
    const state = await store().user(APP, user);
    expect(state).toMatchObject({ listVersion: 1, nextListVersion: 2 });
    expect(state?.devices).toMatchObject([{ mailbox: bob.mailbox, listed: true, removedAt: null, createdAt: NOW }]);
    expect(state?.linkTokens.map(({ expiresAt }) => expiresAt)).toEqual([NOW + 1]);
    expect(state?.resets.map((hash) => Buffer.from(hash).toString('hex'))).toEqual([
      Buffer.from(reset).toString('hex'),
    ]);
    expect((await store().lists(APP, [user])).get(user)?.version).toBe(1);

    const change = { useLinkToken: link, list: null, remove: { mailboxes: [bob.mailbox], at: NOW + 5 } };
    await store().updateUser(APP, user, () => ({ change, result: undefined }));
    const after = await store().user(APP, user);
    expect(after).toMatchObject({ list: null, listVersion: 0, nextListVersion: 2, linkTokens: [] });
    expect(after?.devices).toMatchObject([{ listed: false, removedAt: NOW + 5 }]);
    await store().sweep({ now: NOW + 2, retentionMs: 400 * DAY, dedupeMs: 2 * DAY });
    expect((await store().user(APP, user))?.resets).toEqual([]);
  });
}
