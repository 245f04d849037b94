import type { AppId, RegistrationId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { mailboxId } from '../../src/mailbox/mailbox-id.js';
import type { Quota } from '../../src/store/store.js';
import { random } from '../support/device.js';
import { APP, DAY, NOW, ROOMY, type StoreWorld } from './store-world.js';

/** Reading, acknowledging, expiring. */
export function deliveryContract({ name, store, newDevice, submit, readAll }: StoreWorld): void {
  test('an ack is cumulative, repeats harmlessly, and is refused above the head or with another id', async () => {
    const bob = await newDevice();
    const ids = [random(16), random(16), random(16)] as const;
    await submit(ids.map((id) => ({ to: bob, id })));
    const ack = async (seq: number, id: Uint8Array) => (await store().ack(APP, [{ mailbox: bob.mailbox, seq, id }]))[0];
    expect(await ack(4, random(16))).toBe(false);
    expect(await ack(2, ids[0])).toBe(false);
    expect(await readAll(bob)).toHaveLength(3);
    expect(await ack(2, ids[1])).toBe(true);
    expect(await store().mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 3, acked: { seq: 2 } });
    expect(await ack(1, ids[0])).toBe(true);
    expect(await store().mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 3, acked: { seq: 2 } });
    expect(await ack(3, ids[2])).toBe(true);
    expect(await store().mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 4, acked: { seq: 3 } });
    expect(await store().envelopeIdAt(APP, bob.mailbox, 3)).toBeNull();
  });

  test('acks for several mailboxes stand alone', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    const id = random(16);
    await submit([{ to: alice }, { to: bob, id }]);
    const unknown = mailboxId(APP, { ...bob.address, registration: 16_383 as RegistrationId });
    expect(
      await store().ack(APP, [
        { mailbox: alice.mailbox, seq: 9, id },
        { mailbox: unknown, seq: 1, id },
        { mailbox: bob.mailbox, seq: 1, id },
      ]),
    ).toEqual([false, false, true]);
  });

  test('reading is bounded by count and by bytes, but always yields one', async () => {
    const bob = await newDevice();
    await submit([
      { to: bob, size: 100 },
      { to: bob, size: 100 },
      { to: bob, size: 100 },
      { to: bob, size: 100 },
    ]);
    const seqs = async (after: number, limit: Quota) =>
      (await store().read(APP, bob.mailbox, after, limit))?.envelopes.map(({ seq }) => seq);
    expect(await seqs(0, { envelopes: 3, bytes: 1_000 })).toEqual([1, 2, 3]);
    expect(await seqs(1, { envelopes: 3, bytes: 200 })).toEqual([2, 3]);
    expect(await seqs(2, { envelopes: 3, bytes: 5 })).toEqual([3]);
    expect(await store().read(APP, bob.mailbox, 4, ROOMY)).toEqual({ first: 1, head: 4, envelopes: [] });
  });

  test('old envelopes expire from the front; first tells', async () => {
    const bob = await newDevice();
    await submit([{ to: bob }, { to: bob }], { now: NOW - 10 * DAY });
    await submit([{ to: bob }], { now: NOW });
    const { expired } = await store().sweep({ now: NOW, retentionMs: 5 * DAY, dedupeMs: 2 * DAY });
    expect(expired).toBeGreaterThanOrEqual(2);
    expect(await store().mailbox(APP, bob.mailbox)).toMatchObject({ head: 3, first: 3, acked: { seq: 0, id: null } });
    expect((await readAll(bob)).map(({ seq }) => seq)).toEqual([3]);
  });

  test('heads of the mailboxes that exist, with the version of the list that they are on', async () => {
    const [alice, bob] = [await newDevice(), await newDevice()];
    await submit([{ to: bob }]);
    const unknown = mailboxId(APP, { ...bob.address, registration: 16_383 as RegistrationId });
    expect(await store().heads(APP, [alice.mailbox, bob.mailbox, unknown])).toEqual(
      new Map([
        [alice.mailbox, { head: 0, list: 1 }],
        [bob.mailbox, { head: 1, list: 1 }],
      ]),
    );
  });

  test('an app may keep its envelopes for another time than the others', async () => {
    const [short, long] = [`short-${name.toLowerCase()}` as AppId, `long-${name.toLowerCase()}` as AppId];
    const devices = [await newDevice({ app: short }), await newDevice(), await newDevice({ app: long })];
    for (const device of devices) await submit([{ to: device }], { app: device.app });
    const retentionMsOf = new Map([
      [short, 1 * DAY],
      [long, 30 * DAY],
    ]);
    const firsts = async (days: number) => {
      await store().sweep({ now: NOW + days * DAY, retentionMs: 7 * DAY, retentionMsOf, dedupeMs: 90 * DAY });
      return Promise.all(devices.map(async ({ app, mailbox }) => (await store().mailbox(app, mailbox))?.first));
    };
    expect(await firsts(2)).toEqual([2, 1, 1]);
    expect(await firsts(8)).toEqual([2, 2, 1]);
    expect(await firsts(31)).toEqual([2, 2, 2]);
  });
}
