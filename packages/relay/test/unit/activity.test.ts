import type { AppId } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';

import type { Tenants } from '../../src/apps/tenants.js';
import { createRelayCore } from '../../src/core.js';
import { DAY_MS } from '../../src/directory/inactivity.js';
import { localBus, memoryStore } from '../../src/index.js';
import type { SecurityEvent } from '../../src/observer.js';
import type { Store } from '../../src/store/store.js';
import { registryOf } from '../support/apps.js';
import { APP, coreWorld, plainVerifier, settle } from '../support/core.js';
import { messageTo, type TestDevice } from '../support/device.js';

const DAYS = (count: number) => count * DAY_MS;
const ref = ({ device, registration }: TestDevice) => ({ device, registration });

/** Alice with a phone and a laptop; the phone is put away on the first day. */
async function household(options: Parameters<typeof coreWorld>[0] = {}) {
  const world = await coreWorld(options);
  const phone = await world.register('alice');
  const laptop = await world.link(phone);
  const living = async () =>
    (await world.store.user(APP, phone.user))?.devices.filter((each) => each.removedAt === null);
  /** Days pass, and the relay does what it does daily; the laptop connects every week. */
  async function pass(days: number, using: TestDevice[] = [laptop]): Promise<void> {
    for (let day = 1; day <= days; day++) {
      world.advance(DAY_MS);
      if (day % 7 === 0) for (const device of using) await world.callerOf(device);
      await settle();
      await world.core.sweep();
    }
  }
  return { ...world, phone, laptop, living, pass };
}

describe('noting who is there', () => {
  test('costs one write a day and device, however often it asks', async () => {
    const days: number[] = [];
    const { callerOf, laptop, advance } = await household({
      changes: (store: Store): Partial<Store> => ({
        seen: (app, devices, day) => {
          days.push(day);
          return store.seen(app, devices, day);
        },
      }),
    });
    for (let hour = 0; hour < 72; hour++) {
      advance(3_600_000);
      await callerOf(laptop);
      await callerOf(laptop);
      await settle();
    }
    expect(new Set(days).size).toBe(days.length);
    expect(days).toHaveLength(3);
  });

  test('a socket that stays open for half a year is not silent', async () => {
    const { core, open, clock, phone, living, pass } = await household();
    const { session, peer } = await open(phone);
    for (let day = 0; day < 180; day++) {
      await session.handle('token', { token: `alice@${clock.now() + DAYS(2)}` });
      await pass(1, []);
    }
    expect(peer.closed).toBe(false);
    expect((await living())?.map(({ device }) => device)).toEqual([phone.device]);
    expect(core.connections).toBe(1);
  });

  test('the store’s failure disturbs nobody, and is made up for', async () => {
    let isDown = true;
    const { callerOf, laptop, advance, errors, living } = await household({
      changes: (store: Store): Partial<Store> => ({
        seen: (...args) => (isDown ? Promise.reject(new Error('down')) : store.seen(...args)),
      }),
    });
    advance(DAYS(3));
    await callerOf(laptop);
    await settle();
    expect(errors).toHaveLength(1);
    isDown = false;
    await callerOf(laptop);
    await settle();
    expect((await living())?.map(({ seenDay }) => seenDay)).toEqual([0, 3]);
  });
});

describe('a device that nobody uses', () => {
  test('is announced to the others from 14 days before, daily and on connecting, then removed', async () => {
    const events: SecurityEvent[] = [];
    const observers = [{ security: (event: SecurityEvent) => events.push(event) }];
    const { phone, laptop, open, pass, living, clock } = await household({ observers });
    const fully = async () => (await open(laptop, { epoch: clock.now() })).all('welcome')[0]?.expiring;
    await pass(70);
    expect(await fully()).toEqual([]);
    await pass(10);
    const expiresAt = DAYS(91);
    expect(await fully()).toEqual([{ ...ref(phone), expiresAt }]);

    const online = await open(laptop, { epoch: clock.now() + 1 });
    await online.session.handle('token', { token: `alice@${clock.now() + DAYS(30)}` });
    await pass(3, []);
    expect(online.all('device-expiring')).toEqual([1, 2, 3].map(() => ({ ...ref(phone), expiresAt })));
    await pass(12, []);
    expect((await living())?.map(({ device }) => device)).toEqual([laptop.device]);
    const last = online.all('device-expiring').at(-1);
    expect(last).toMatchObject(ref(phone));
    expect(last?.expiresAt).toBeLessThanOrEqual(clock.now());
    expect(last?.expiresAt).toBeGreaterThanOrEqual(expiresAt);
    expect(events.filter(({ event }) => event === 'device-expired')).toEqual([
      { event: 'device-expired', app: APP, user: phone.user, device: phone.device },
    ]);
    // Who connects later hears it too, until there is a list without it.
    expect(await fully()).toMatchObject([ref(phone)]);
  });

  test('hears device-gone; writers hear it too, and need not encrypt to it', async () => {
    const { phone, laptop, pass, core, open, join, publish, clock } = await household();
    await pass(92);
    await expect(open(phone)).rejects.toMatchObject({ code: 'device-gone' });
    const bob = await join('bob', clock.now() + DAYS(1));
    const to = (...devices: TestDevice[]) => {
      const message = messageTo(laptop);
      const [recipient] = message.recipients;
      return {
        ...message,
        recipients: [{ ...recipient, devices: devices.map((device) => ({ ...ref(device), payload: 0 })) }],
      };
    };
    expect(await bob.session.handle('submit', to(phone, laptop))).toEqual({
      ok: true,
      outcomes: ['device-gone', 'stored'],
    });
    expect(await bob.session.handle('submit', to(laptop))).toEqual({ ok: true, outcomes: ['stored'] });
    expect(await bob.session.handle('submit', to(phone))).toMatchObject({
      ok: false,
      error: { code: 'stale-device-list', stale: [{ missing: [ref(laptop)], gone: [] }] },
    });
    await publish(laptop, [laptop]);
    expect(await bob.session.handle('submit', to(phone, laptop))).toMatchObject({
      ok: false,
      error: { code: 'stale-device-list', stale: [{ missing: [], gone: [ref(phone)] }] },
    });
    expect((await open(laptop, { epoch: 99 })).all('welcome')[0]?.expiring).toEqual([]);
    expect(core.connections).toBe(2);
  });

  test('its owner’s only device stays twice as long, then goes with the list', async () => {
    const { phone, pass, living, store, register } = await household();
    await pass(92, []);
    expect(await living()).toHaveLength(1);
    await pass(88, []);
    expect(await living()).toHaveLength(1);
    await pass(2, []);
    expect(await living()).toEqual([]);
    expect((await store.user(APP, phone.user))?.list).toBeNull();
    // The user can begin anew, without a reset.
    expect((await register('alice')).user).toBe(phone.user);
  });

  test('that comes back at the last moment stays', async () => {
    const { phone, pass, living, callerOf, advance, core } = await household();
    await pass(90);
    advance(DAY_MS - 1_000_001);
    await callerOf(phone);
    advance(DAYS(10));
    await core.sweep();
    expect((await living())?.map(({ seenDay }) => seenDay)).toEqual([90, 84]);
  });

  test('is removed once, whichever of several nodes finds it', async () => {
    const [bus, store] = [localBus(), memoryStore()];
    const events: SecurityEvent[] = [];
    const observers = [{ security: (event: SecurityEvent) => events.push(event) }];
    const { pass, clock, core, living } = await household({ bus, store, observers });
    const other = await createRelayCore({ bus, store, verifier: plainVerifier, clock, observers });
    await pass(90);
    await Promise.all([core.sweep(), other.sweep()]);
    await pass(2);
    await Promise.all([core.sweep(), other.sweep()]);
    expect(events.filter(({ event }) => event === 'device-expired')).toHaveLength(1);
    expect(await living()).toHaveLength(1);
  });

  test('that removed itself is announced as well', async () => {
    const { phone, laptop, open, core, callerOf, clock } = await household();
    const online = await open(laptop);
    await core.directory.removeSelf(await callerOf(phone));
    await settle();
    expect(online.all('device-expiring')).toEqual([{ ...ref(phone), expiresAt: clock.now() }]);
  });
});

describe('apps with a time of their own', () => {
  const secret = 'a test secret of more than 32 bytes';
  const SHORT = 'short' as AppId;
  const LONG = 'long' as AppId;

  test('lose their silent devices by it, and are warned by it; the others go by the relay’s', async () => {
    const events: SecurityEvent[] = [];
    const tenants = registryOf(
      { id: APP, algorithm: 'HS256', secret },
      { id: SHORT, algorithm: 'HS256', secret, inactiveDeviceDays: 40 },
      { id: LONG, algorithm: 'HS256', secret, inactiveDeviceDays: 120 },
    );
    const observers = [{ security: (event: SecurityEvent) => events.push(event) }];
    const { register, link, callerOf, open, advance, core, clock } = await coreWorld({ tenants, observers });
    const laptops = [];
    for (const app of [APP, SHORT, LONG]) laptops.push(await link(await register(`${app}/alice`)));

    const gone = new Map<string, number>();
    const warned = new Map<string, number>();
    for (let day = 1; day <= 130; day++) {
      advance(DAY_MS);
      for (const laptop of laptops) {
        const token = `${laptop.name}@${clock.now() + DAYS(1)}`;
        await callerOf({ ...laptop, token });
        const { session, all } = await open(laptop, { epoch: day, token });
        const isWarned = all('welcome')[0]?.expiring.some(({ expiresAt }) => expiresAt > clock.now());
        if (isWarned === true && !warned.has(laptop.app)) warned.set(laptop.app, day);
        session.close();
      }
      await settle();
      await core.sweep();
      for (const { event, app } of events.splice(0) as { event: string; app: AppId }[])
        if (event === 'device-expired') gone.set(app, day);
    }
    // The day on which they were seen counts in full.
    expect(Object.fromEntries(gone)).toEqual({ [SHORT]: 41, [APP]: 91, [LONG]: 121 });
    expect(Object.fromEntries(warned)).toEqual({ [SHORT]: 27, [APP]: 77, [LONG]: 107 });
  });
});

describe('a limit that is lowered', () => {
  const key = { id: APP, algorithm: 'HS256', secret: 'a test secret of more than 32 bytes' } as const;

  /** The app is put under a limit of so many days when `lower` is called. */
  function lowered(inactiveDeviceDays: number) {
    let current = registryOf(key);
    const tenants: Tenants = {
      refusal: (id) => current.refusal(id),
      acceptsKey: (...args) => current.acceptsKey(...args),
      policy: (id) => current.policy(id),
      retentions: () => current.retentions(),
      inactivities: () => current.inactivities(),
    };
    return { tenants, lower: () => (current = registryOf({ ...key, inactiveDeviceDays })) };
  }

  test('removes nobody before the others were told for 14 days', async () => {
    const { tenants, lower } = lowered(30);
    const { phone, laptop, pass, open, living, clock } = await household({ tenants });
    await pass(63);
    lower();
    // At once, before any sweep.
    const first = await open(laptop, { epoch: clock.now() });
    expect(first.all('welcome')[0]?.expiring).toEqual([{ ...ref(phone), expiresAt: DAYS(63 + 14) }]);
    await pass(1);
    const online = await open(laptop, { epoch: clock.now() + 1 });
    await online.session.handle('token', { token: `alice@${clock.now() + DAYS(30)}` });
    await pass(13, []);
    expect(await living()).toHaveLength(2);
    expect(online.all('device-expiring').length).toBeGreaterThanOrEqual(12);
    expect(online.all('device-expiring')[0]).toEqual({ ...ref(phone), expiresAt: DAYS(64 + 14) });
    await pass(1, []);
    expect((await living())?.map(({ device }) => device)).toEqual([laptop.device]);
  });

  test('lets whoever comes back meanwhile stay', async () => {
    const { tenants, lower } = lowered(30);
    const { phone, laptop, pass, living } = await household({ tenants });
    await pass(63);
    lower();
    await pass(6);
    await pass(60, [phone, laptop]);
    expect(await living()).toHaveLength(2);
  });

  test('takes an only device as much later as its time is longer', async () => {
    const { tenants, lower } = lowered(30);
    const { register, core, advance, store } = await coreWorld({ tenants });
    const { user } = await register('alice');
    const sweep = async (days: number) => {
      advance(DAYS(days));
      await core.sweep();
      return (await store.user(APP, user))?.devices.filter(({ removedAt }) => removedAt === null).length;
    };
    expect(await sweep(85)).toBe(1);
    lower();
    expect(await sweep(43)).toBe(1);
    expect(await sweep(1)).toBe(0);
  });
});

test('a relay that was down for months removes nobody of whom it has told nobody', async () => {
  const { laptop, open, core, advance, living, clock } = await household();
  advance(DAYS(200));
  await open(laptop, { epoch: clock.now() });
  await core.sweep();
  expect(await living()).toHaveLength(2);
  advance(DAYS(13));
  await core.sweep();
  expect(await living()).toHaveLength(2);
  advance(DAYS(1));
  await core.sweep();
  expect((await living())?.map(({ device }) => device)).toEqual([laptop.device]);
});

test('a user sees their devices, with the day and not the hour', async () => {
  const { core, callerOf, phone, laptop, advance } = await household();
  advance(DAYS(3) + 12_345_678);
  expect(await core.directory.devices(await callerOf(laptop))).toEqual({
    devices: [
      { ...ref(phone), listed: true, createdAt: 1_000_000, lastSeenAt: 0 },
      { ...ref(laptop), listed: true, createdAt: 1_000_000, lastSeenAt: DAYS(3) },
    ],
  });
});
