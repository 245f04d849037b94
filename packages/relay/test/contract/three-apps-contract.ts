import type { AppId } from '@sotto/protocol';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { purgeApp } from '../../src/apps/purge.js';
import type { AppPolicy, Tenants } from '../../src/apps/tenants.js';
import { DEFAULT_QUOTA } from '../../src/core.js';
import { DAY_MS, dayOf } from '../../src/directory/inactivity.js';
import type { Store } from '../../src/store/store.js';
import { coreWorld, settle } from '../support/core.js';
import { messageTo, type TestDevice } from '../support/device.js';

const APPS = ['acme', 'brook', 'cove'] as AppId[];
const [ACME, BROOK, COVE] = APPS as [AppId, AppId, AppId];

const policy = (retention: number, inactive: number): AppPolicy => ({
  retentionMs: retention * DAY_MS,
  inactiveMs: inactive * DAY_MS,
  quota: DEFAULT_QUOTA,
});
const RELAY = policy(45, 90);
/** Cove has nothing of its own: it goes by the relay's. */
const OWN = new Map([
  [ACME, policy(2, 20)],
  [BROOK, policy(30, 60)],
]);

/** A database may be busy with other things: the limit only ends what never comes. */
const PATIENCE = { timeout: 30_000 };

function timesOf(pick: (own: AppPolicy) => number): Map<AppId, number> {
  return new Map([...OWN].map(([app, own]) => [app, pick(own)]));
}
const TENANTS: Tenants = {
  refusal: () => null,
  policy: (app) => OWN.get(app) ?? RELAY,
  retentions: () => timesOf(({ retentionMs }) => retentionMs),
  acceptsKey: () => true,
  inactivities: () => timesOf(({ inactiveMs }) => inactiveMs),
};

/** The same people, with the same messages, in one app. */
interface Town {
  app: AppId;
  /** Alice's, which is never used again. */
  phone: TestDevice;
  laptop: TestDevice;
  bob: TestDevice;
  sent: ReturnType<typeof messageTo>[];
}

/** Three apps in one store: what becomes of one by its own rules, or because it is deleted, touches nothing of the others. */
export function threeAppsContract(name: string, openStore: () => Promise<Store>): void {
  describe(`${name}: three apps`, () => {
    let store: Store;
    let world: Awaited<ReturnType<typeof coreWorld>>;
    const towns = new Map<AppId, Town>();
    let today = 0;

    beforeAll(async () => {
      store = await openStore();
      const { retentionMs, inactiveMs } = RELAY;
      world = await coreWorld({ store, tenants: TENANTS, retentionMs, inactiveMs });
      for (const app of APPS) towns.set(app, await settled(app));
      return () => store.close();
    });

    async function settled(app: AppId): Promise<Town> {
      const phone = await world.register(`${app}/alice`);
      const laptop = await world.link(phone);
      const bob = await world.register(`${app}/bob`);
      const sent = [1, 2, 3].map((byte) => toBoth(phone, laptop, Buffer.alloc(400, byte)));
      const { session } = await world.open(bob, { token: `${app}/bob@${world.clock.now() + DAY_MS}` });
      for (const message of sent)
        expect(await session.handle('submit', message)).toMatchObject({ outcomes: ['stored', 'stored'] });
      session.close();
      await settle();
      return { app, phone, laptop, bob, sent };
    }

    /** Everything that the store says of an app. */
    async function stateOf(app: AppId) {
      const { phone, laptop, bob } = towns.get(app) ?? fail();
      const inspection = await store.inspect(app);
      const users = await Promise.all([phone, bob].map(({ user }) => store.user(app, user)));
      const boxes = await Promise.all(inspection.devices.map(({ mailbox }) => store.mailbox(app, mailbox)));
      const lists = await store.lists(app, [phone.user, laptop.user, bob.user]);
      return { inspection, users, boxes, lists };
    }

    /** @returns the apps whose state is another one afterwards */
    async function changedBy(work: () => Promise<unknown>): Promise<AppId[]> {
      const before = await Promise.all(APPS.map(stateOf));
      await work();
      await settle();
      const after = await Promise.all(APPS.map(stateOf));
      return APPS.filter((_, index) => !isEqual(before[index], after[index]));
    }

    const seenDayOf = async ({ app, user, device: own }: TestDevice) =>
      (await store.user(app, user))?.devices.find(({ device }) => device === own)?.seenDay;

    /** Time passes, and everybody but the phones shows up. */
    async function sweptOn(day: number, present = APPS): Promise<AppId[]> {
      world.advance((day - today) * DAY_MS);
      today = day;
      for (const app of present) {
        const { laptop, bob } = towns.get(app) ?? fail();
        await world.callerOf(laptop);
        await world.callerOf(bob);
        // Noted behind their backs: it must not count as the sweep's doing.
        for (const each of [laptop, bob])
          await vi.waitFor(async () => expect(await seenDayOf(each)).toBe(dayOf(world.clock.now())), PATIENCE);
      }
      return changedBy(() => world.core.sweep());
    }

    const held = async (app: AppId) => (await store.inspect(app)).envelopes.length;
    const livingOf = async (app: AppId) =>
      (await store.user(app, towns.get(app)?.phone.user ?? fail()))?.devices.filter(
        ({ removedAt }) => removedAt === null,
      ).length;

    test('each keeps its envelopes for its own time', async () => {
      expect(await sweptOn(1)).toEqual([]);
      expect(await sweptOn(3)).toEqual([ACME]);
      expect(await Promise.all(APPS.map(held))).toEqual([0, 6, 6]);
    });

    test('each loses its silent devices after its own time, and the others keep theirs', async () => {
      // First it is announced, for two weeks.
      expect(await sweptOn(7)).toEqual([ACME]);
      expect(await sweptOn(8)).toEqual([]);
      expect(await sweptOn(22)).toEqual([ACME]);
      expect(await Promise.all(APPS.map(livingOf))).toEqual([1, 2, 2]);
      expect(await sweptOn(31)).toEqual([BROOK]);
      expect(await Promise.all(APPS.map(held))).toEqual([0, 0, 6]);
    });

    test('an envelope is known in its own app alone', async () => {
      const known = towns.get(COVE)?.sent[0] ?? fail();
      const submitted = async (app: AppId) => {
        const { phone, laptop, bob } = towns.get(app) ?? fail();
        const { session } = await world.open(bob, { epoch: 2, token: `${app}/bob@${world.clock.now() + DAY_MS}` });
        const reply = await session.handle('submit', { ...toBoth(phone, laptop), id: known.id });
        session.close();
        return reply;
      };
      expect(await submitted(COVE)).toMatchObject({ outcomes: ['duplicate', 'duplicate'] });
      expect(await submitted(BROOK)).toMatchObject({ outcomes: ['stored', 'stored'] });
    });

    test('deletion takes all of one, and nothing of the others', async () => {
      for (const app of APPS) {
        const { laptop } = towns.get(app) ?? fail();
        await world.core.directory.makeLinkToken(await world.callerOf(laptop));
      }
      await settle();
      expect(await changedBy(() => purgeApp(store.apps, ACME))).toEqual([ACME]);
      expect(await stateOf(ACME)).toMatchObject({ inspection: { devices: [], envelopes: [] }, users: [null, null] });
      expect(await sweptOn(32, [BROOK, COVE])).not.toContain(ACME);
    });

    test('the others go on as before: each by its own time, to the end', async () => {
      const here = [BROOK, COVE];
      expect(await sweptOn(46, here)).toContain(COVE);
      expect(await held(COVE)).toBe(0);
      expect(await sweptOn(47, here)).toEqual([BROOK]);
      expect(await sweptOn(62, here)).toEqual([BROOK]);
      expect(await Promise.all(here.map(livingOf))).toEqual([1, 2]);
      expect(await sweptOn(77, here)).toEqual([COVE]);
      expect(await sweptOn(92, here)).toEqual([COVE]);
      expect(await Promise.all(here.map(livingOf))).toEqual([1, 1]);
    });
  });
}

/** One ciphertext for two devices of a user: one payload, which their envelopes share. */
function toBoth(phone: TestDevice, laptop: TestDevice, payload = Buffer.alloc(400, 9)) {
  const message = messageTo(phone, { payload });
  const [recipient] = message.recipients;
  if (!recipient) throw new Error('There is one.');
  const devices = [phone, laptop].map(({ device, registration }) => ({ device, registration, payload: 0 }));
  return { ...message, recipients: [{ ...recipient, devices }] };
}

function isEqual(a: unknown, b: unknown): boolean {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
}

function fail(): never {
  throw new Error('There is one.');
}
