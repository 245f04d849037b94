import type { DeviceId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { random } from '../support/device.js';
import { APP, repeat, type StoreWorld } from './store-world.js';

/** A mailbox holds so much and no more, and one sender cannot fill it. */
export function quotaContract({ store, newDevice, submit }: StoreWorld): void {
  test('a full mailbox refuses, keeps what it has, and takes more after an ack', async () => {
    const bob = await newDevice();
    const own = bob.address;
    const quota = { envelopes: 3, bytes: 1_000 };
    const id = random(16);
    expect(await submit([...repeat({ from: own, to: bob }, 2), { from: own, to: bob, id }], { quota })).toEqual([
      1, 2, 3,
    ]);
    expect(await submit(repeat({ from: own, to: bob }, 2), { quota })).toEqual(['mailbox-full', 'mailbox-full']);
    await store().ack(APP, [{ mailbox: bob.mailbox, seq: 3, id }]);
    expect(await submit([{ from: own, to: bob, size: 2_000 }], { quota })).toEqual(['mailbox-full']);
    expect(
      await submit(
        [
          { from: own, to: bob, size: 600 },
          { from: own, to: bob, size: 600 },
        ],
        { quota },
      ),
    ).toEqual([4, 'mailbox-full']);
  });

  test('the retry of an envelope that filled the mailbox hears that it is stored', async () => {
    const bob = await newDevice();
    const letter = { from: bob.address, to: bob, digest: random(16) };
    const quota = { envelopes: 1, bytes: 1_000 };
    expect(await submit([letter], { quota })).toEqual([1]);
    expect(await submit([letter], { quota })).toEqual(['duplicate']);
  });

  test('one sender gets a tenth of a mailbox, in envelopes and in bytes; others still get in', async () => {
    const [alice, bob, carol] = [await newDevice(), await newDevice(), await newDevice()];
    const quota = { envelopes: 50, bytes: 10_000 };
    const fromAlice = { from: alice.address, to: bob };
    expect(await submit(repeat(fromAlice, 7), { quota })).toEqual([1, 2, 3, 4, 5, 'mailbox-full', 'mailbox-full']);
    expect(await submit([fromAlice, { from: carol.address, to: bob, size: 900 }], { quota })).toEqual([
      'mailbox-full',
      6,
    ]);
    expect(await submit([{ from: carol.address, to: bob, size: 200 }], { quota })).toEqual(['mailbox-full']);
    expect(
      await submit(repeat({ from: { ...bob.address, device: 2 as DeviceId }, to: bob }, 8), { quota }),
    ).toHaveLength(8);
    expect((await store().mailbox(APP, bob.mailbox))?.head).toBe(14);
  });
}
