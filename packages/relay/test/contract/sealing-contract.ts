import { expect, test } from 'vitest';

import { APP, NOW, type Device, type StoreWorld } from './store-world.js';

/** Of each device the highest count of sealings is kept that came with a submit. */
export function sealingContract({ store, newUser, newDevice, batchOf, submit }: StoreWorld): void {
  const countOf = async ({ app, mailbox }: Device) => (await store().mailbox(app, mailbox))?.sealings;
  const sealed = ({ address: { user }, mailbox }: Device, count: number) => ({ user, mailbox, count });

  test('a count of sealings only grows, whatever comes late or again', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    expect(await countOf(alice)).toBe(0);
    const late = batchOf([{ to: bob }], { sealings: [sealed(alice, 3)] });
    for (const [count, highest] of [
      [5, 5],
      [4, 5],
      [9, 9],
    ] as const) {
      await submit([{ to: bob }], { sealings: [sealed(alice, count)] });
      expect(await countOf(alice)).toBe(highest);
    }
    await store().submit(APP, late);
    await store().submit(APP, late);
    expect(await countOf(alice)).toBe(9);
    expect(await countOf(bob)).toBe(0);
  });

  test('counts of several senders come with one batch, as far as numbers go', async () => {
    const [alice, bob, carol] = [await newDevice(), await newDevice(), await newDevice()];
    const sealings = [sealed(carol, 1), sealed(alice, Number.MAX_SAFE_INTEGER)];
    await submit([{ to: bob }, { to: bob }], { sealings });
    expect([await countOf(alice), await countOf(bob), await countOf(carol)]).toEqual([Number.MAX_SAFE_INTEGER, 0, 1]);
  });

  test('a submit that stores nothing has left the device too: it counts', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    const outdated = [{ user: bob.address.user, version: 9 }];
    expect(await submit([{ to: bob, lists: outdated }], { sealings: [sealed(alice, 1)] })).toEqual(['stale']);
    expect(await countOf(alice)).toBe(1);
    const quota = { envelopes: 0, bytes: 0 };
    expect(await submit([{ to: bob }], { quota, sealings: [sealed(alice, 2)] })).toEqual(['mailbox-full']);
    expect(await countOf(alice)).toBe(2);
  });

  test('each device of a user has its own, which goes with it', async () => {
    const user = newUser();
    const [phone, laptop, bob] = [await newDevice({ user }), await newDevice({ user, device: 2 }), await newDevice()];
    await submit([{ to: bob }], { sealings: [sealed(phone, 7), sealed(laptop, 2)] });
    expect([await countOf(phone), await countOf(laptop)]).toEqual([7, 2]);
    const remove = { mailboxes: [phone.mailbox], at: NOW };
    await store().updateUser(APP, user, () => ({ change: { remove }, result: undefined }));
    expect(await countOf(phone)).toBeUndefined();
    expect(await countOf(laptop)).toBe(2);
  });

  test('twenty batches at once, each with the same two senders: nobody waits for ever, the highest stays', async () => {
    const [alice, bob, carol] = [await newDevice(), await newDevice(), await newDevice()];
    const counts = Array.from({ length: 20 }, (_, index) => ((index * 7) % 20) + 1);
    await Promise.all(
      counts.map((count, index) => {
        const both = [sealed(alice, count), sealed(carol, 21 - count)];
        return submit([{ to: bob }], { sealings: index % 2 === 0 ? both : both.reverse() });
      }),
    );
    expect([await countOf(alice), await countOf(carol)]).toEqual([20, 20]);
  });
}
