import type { RegistrationId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { mailboxId } from '../../src/mailbox/mailbox-id.js';
import { random } from '../support/device.js';
import { APP, DAY, NOW, ROOMY, type StoreWorld } from './store-world.js';

/** What is submitted is numbered and stored once, for the devices that are there. */
export function submitContract({ store, newUser, newDevice, setList, batchOf, submit, readAll }: StoreWorld): void {
  test('a batch for two mailboxes numbers each of them without gaps, and stores what was sent', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    const batch = batchOf([{ to: bob }, { to: alice }, { to: bob, size: 3 }, { to: bob }]);
    const outcomes = await store().submit(APP, batch);
    expect(outcomes.map((each) => each.outcome === 'stored' && each.seq)).toEqual([1, 1, 2, 3]);
    const envelopes = await readAll(bob);
    expect(envelopes.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(Buffer.from(envelopes[1]?.payload ?? [])).toEqual(Buffer.from(batch.payloads[2] ?? []));
    expect(Buffer.from(envelopes[1]?.id ?? [])).toEqual(Buffer.from(batch.submits[2]?.id ?? []));
    expect(envelopes[1]).toMatchObject({ ...batch.submits[2]?.sender, at: NOW });
    expect(await submit([{ to: bob }])).toEqual([4]);
  });

  test('one payload for several devices is sent once and reaches each', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    const batch = batchOf([{ to: alice }, { to: bob }]);
    batch.items.forEach((item) => (item.payload = 0));
    batch.payloads.length = 1;
    await store().submit(APP, batch);
    for (const device of [alice, bob]) expect(await readAll(device)).toHaveLength(1);
  });

  test('an empty batch is nothing', async () => {
    expect(await submit([])).toEqual([]);
    expect(await store().ack(APP, [])).toEqual([]);
  });

  test('a repeated envelope is a duplicate: while it is stored, after its ack, and for 48 hours more', async () => {
    const bob = await newDevice();
    const [digest, id] = [random(16), random(16)];
    expect(await submit([{ to: bob, digest, id }])).toEqual([1]);
    expect(await submit([{ to: bob, digest, id }, { to: bob }])).toEqual(['duplicate', 2]);
    expect(await store().ack(APP, [{ mailbox: bob.mailbox, seq: 1, id }])).toEqual([true]);
    expect(await submit([{ to: bob, digest, id }])).toEqual(['duplicate']);
    const policy = { retentionMs: 400 * DAY, dedupeMs: 2 * DAY };
    await store().sweep({ now: NOW, ...policy });
    await store().sweep({ now: NOW + 2 * DAY - 1, ...policy });
    expect(await submit([{ to: bob, digest, id }])).toEqual(['duplicate']);
    await store().sweep({ now: NOW + 2 * DAY, ...policy });
    expect(await submit([{ to: bob, digest, id }])).toEqual([3]);
    expect((await readAll(bob)).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  test('the same digest in another mailbox is another envelope', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    const digest = random(16);
    expect(
      await submit([
        { to: alice, digest },
        { to: bob, digest },
      ]),
    ).toEqual([1, 1]);
  });

  test('an unknown, an unlisted and a removed device are gone, and disturb nobody else in the batch', async () => {
    const [bob, pending] = [await newDevice(), await newDevice({ listed: false })];
    const removed = await newDevice();
    await submit([{ to: removed }]);
    const remove = { mailboxes: [removed.mailbox], at: NOW };
    await store().updateUser(APP, removed.address.user, () => ({ change: { remove }, result: undefined }));
    const unknown = mailboxId(APP, { ...bob.address, registration: 16_383 as RegistrationId });
    expect(await submit([{ to: unknown }, { to: pending }, { to: removed }, { to: bob }])).toEqual([
      'device-gone',
      'device-gone',
      'device-gone',
      1,
    ]);
    expect(await store().mailbox(APP, removed.mailbox)).toBeNull();
    expect(await store().read(APP, removed.mailbox, 0, ROOMY)).toBeNull();
  });

  test('a submit against an outdated list stores nothing of itself, and all of the others', async () => {
    const bob = await newDevice();
    await setList(bob, 2);
    const user = bob.address.user;
    const nobody = newUser();
    const outcomes = await submit([
      { to: bob, lists: [{ user, version: 1 }] },
      { to: bob, lists: [{ user, version: 2 }] },
      {
        to: bob,
        lists: [
          { user, version: 2 },
          { user: nobody, version: 1 },
        ],
      },
      { to: bob },
    ]);
    expect(outcomes).toEqual(['stale', 1, 'stale', 2]);
  });
}
