import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';
import { beforeAll, describe, expect, test } from 'vitest';

import { aciOf } from '../../src/auth/user.js';
import { decideInactive } from '../../src/directory/inactivity.js';
import { mailboxId, type DeviceAddress, type MailboxId } from '../../src/mailbox/mailbox-id.js';
import type { Store } from '../../src/store/store.js';
import { emptyUser } from '../../src/store/user-state.js';
import { random, someKey } from '../support/device.js';

const APP = 'acme' as AppId;
const NOW = 1_700_000_000_000;

interface Device {
  app: AppId;
  address: DeviceAddress;
  mailbox: MailboxId;
}

/** What every store must know of devices that are silent. */
export function activityContract(name: string, openStore: () => Promise<Store>): void {
  describe(`${name}: devices that are silent`, () => {
    let store: Store;
    let count = 0;

    beforeAll(async () => {
      store = await openStore();
      return () => store.close();
    });

    const newUser = (app = APP): Aci => aciOf(app, `${name}-silent-${++count}`);

    async function newDevice(
      options: {
        app?: AppId;
        user?: Aci;
        device?: number;
        listed?: boolean;
        seenDay?: number;
      } = {},
    ): Promise<Device> {
      const { app = APP, user = newUser(app), device = 1, listed = true, seenDay = 0 } = options;
      const address = { user, device: device as DeviceId, registration: (++count % 16_000) as RegistrationId };
      const mailbox = mailboxId(app, address);
      const keys = { secretHash: random(32), attemptHash: random(32) };
      const signed = { record: random(10), signature: random(64) };
      const change = {
        identityKey: someKey(),
        add: { ...address, ...keys, mailbox, seenDay, warnedDay: null, listed: false, createdAt: NOW, removedAt: null },
        ...(listed && { list: { signed, version: 1 }, listed: [mailbox] }),
      };
      await store.updateUser(app, user, () => ({ change, result: undefined }));
      return { app, address, mailbox };
    }

    const remove = (device: Device) =>
      store.updateUser(device.app, device.address.user, () => ({
        change: { remove: { mailboxes: [device.mailbox], at: NOW } },
        result: undefined,
      }));
    const daysOf = async ({ app, address }: Device) =>
      (await store.user(app, address.user))?.devices.map(({ seenDay }) => seenDay);
    const seen = (devices: Device[], day: number, app = APP) =>
      store.seen(
        app,
        devices.map(({ address: { user }, mailbox }) => ({ user, mailbox })),
        day,
      );

    test('the day they were seen only grows, of those alone that are named, in their app', async () => {
      const [alice, bob, carol] = [
        await newDevice({ seenDay: 100 }),
        await newDevice({ seenDay: 100 }),
        await newDevice({ seenDay: 100 }),
      ];
      await seen([alice, bob, alice], 103);
      await seen([alice], 101);
      await seen([bob], 200, 'elsewhere' as AppId);
      await store.updateUser(APP, bob.address.user, () => ({
        change: { seen: { mailbox: bob.mailbox, day: 104 } },
        result: undefined,
      }));
      expect([await daysOf(alice), await daysOf(bob), await daysOf(carol)]).toEqual([[103], [104], [100]]);
      await remove(carol);
      await seen([carol], 105);
      expect(await daysOf(carol)).toEqual([100]);
      await seen([], 106);
    });

    test('the quiet ones of some users are found: listed, there, and in their app', async () => {
      const phone = await newDevice({ seenDay: 50 });
      const { user } = phone.address;
      const laptop = await newDevice({ user, device: 2, seenDay: 60 });
      await newDevice({ user, device: 3, seenDay: 50, listed: false });
      await newDevice({ seenDay: 50 });
      const found = async (before: number, app = APP) =>
        (await store.quiet(app, [user], before)).map(({ mailbox, seenDay }) => [mailbox, seenDay]).sort();
      expect(await found(50)).toEqual([]);
      expect(await found(51)).toEqual([[phone.mailbox, 50]]);
      expect(await found(61)).toEqual(
        [
          [phone.mailbox, 50],
          [laptop.mailbox, 60],
        ].sort(),
      );
      expect(await found(61, 'elsewhere' as AppId)).toEqual([]);
      await remove(phone);
      expect(await found(51)).toEqual([]);
    });

    test('devices are announced once, from one day on, by the apps that are named; being seen ends it', async () => {
      const app = `warned-${name.toLowerCase()}` as AppId;
      const only = { only: app };
      const phone = await newDevice({ app, seenDay: 50 });
      const { user } = phone.address;
      const laptop = await newDevice({ app, user, device: 2, seenDay: 60 });
      const unlisted = await newDevice({ app, user, device: 3, seenDay: 50, listed: false });
      await remove(await newDevice({ app, user, device: 4, seenDay: 50 }));
      const daysOfAll = async () =>
        new Map((await store.user(app, user))?.devices.map(({ mailbox, warnedDay }) => [mailbox, warnedDay]));
      const all = async () => {
        const days = await daysOfAll();
        return [phone, laptop, unlisted].map(({ mailbox }) => days.get(mailbox));
      };

      expect(await store.warned({ before: 50, day: 70 }, 10, only)).toBe(0);
      await store.warned({ before: 60, day: 70 }, 10, { except: [app] });
      expect(await all()).toEqual([null, null, null]);
      expect(await store.warned({ before: 60, day: 70 }, 1, only)).toBe(1);
      expect(await store.warned({ before: 60, day: 70 }, 10, only)).toBe(1);
      expect(await store.warned({ before: 60, day: 71 }, 10, only)).toBe(0);
      expect(await all()).toEqual([70, null, 70]);
      expect((await store.quiet(app, [user], 60)).map(({ mailbox, warnedDay }) => [mailbox, warnedDay])).toEqual([
        [phone.mailbox, 70],
      ]);

      await seen([phone], 70, app);
      expect(await store.warned({ before: 71, day: 90 }, 10, only)).toBe(2);
      expect(await all()).toEqual([90, 90, 70]);
    });

    test('the store finds exactly the users whose silent devices go', async () => {
      const app = `silent-${name.toLowerCase()}` as AppId;
      const limits = { before: 20, lastBefore: 10, warnedBy: 40, lastWarnedBy: 30 };
      const stories: { days: number[]; unlisted?: number[]; warned?: number; goes: boolean }[] = [
        { days: [25], goes: false },
        { days: [15], goes: false },
        { days: [9], goes: true },
        { days: [15, 25], goes: true },
        { days: [15, 16], goes: true },
        { days: [15, 15], goes: true },
        { days: [20, 21], goes: false },
        { days: [25], unlisted: [15], goes: true },
        { days: [], unlisted: [19], goes: true },
        { days: [], unlisted: [20], goes: false },
        { days: [15], unlisted: [25], goes: false },
        { days: [9], warned: 31, goes: false },
        { days: [15, 25], warned: 40, goes: true },
        { days: [15, 25], warned: 41, goes: false },
        { days: [], unlisted: [19], warned: 41, goes: false },
      ];
      const users = [];
      for (const { days, unlisted = [], warned = 30 } of stories) {
        const user = newUser(app);
        users.push(user);
        let device = 0;
        for (const seenDay of days) await newDevice({ app, user, device: ++device, seenDay });
        for (const seenDay of unlisted) await newDevice({ app, user, device: ++device, seenDay, listed: false });
        await store.warned({ before: 1000, day: warned }, 1000, { only: app });
      }
      const found = (await store.inactive(limits, 1000)).filter((each) => each.app === app);
      expect(found.map(({ user }) => user).sort()).toEqual(users.filter((_, index) => stories[index]?.goes).sort());
      for (const [index, user] of users.entries()) {
        const state = (await store.user(app, user)) ?? emptyUser;
        expect(decideInactive(state, limits, NOW).change !== null, JSON.stringify(stories[index])).toBe(
          stories[index]?.goes,
        );
      }
      expect((await store.inactive(limits, 3)).length).toBeLessThanOrEqual(3);
      const scoped = await store.inactive(limits, 1000, { only: app });
      expect(scoped.map(({ user }) => user).sort()).toEqual(found.map(({ user }) => user).sort());
      const others = await store.inactive(limits, 1000, { except: [app] });
      expect(others.filter((each) => each.app === app)).toEqual([]);
    });

    test('a list says which of its devices are still there', async () => {
      const phone = await newDevice();
      const { user } = phone.address;
      const laptop = await newDevice({ user, device: 2 });
      const living = async () =>
        (await store.lists(APP, [user])).get(user)?.living.map(({ device, registration }) => [device, registration]);
      const [one, two] = [phone, laptop].map(({ address }) => [address.device, address.registration]);
      expect((await living())?.sort()).toEqual([one, two].sort());
      await remove(phone);
      expect(await living()).toEqual([two]);
      await remove(laptop);
      expect(await living()).toEqual([]);
    });
  });
}
