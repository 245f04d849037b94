import type { Aci, AppId, ExpiringDevice } from '@sotto/protocol';

import type { Tenants } from '../apps/tenants.js';
import { Batcher } from '../mailbox/batcher.js';
import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { Switchboard } from '../mailbox/switchboard.js';
import type { RelayObserver } from '../observer.js';
import type { Clock } from '../platform.js';
import type { AppScope, DeviceRecord, QuietDevice, Store, UserState } from '../store/store.js';
import {
  dayOf,
  decideInactive,
  expiringOthers,
  expiryOf,
  silence,
  silentUntil,
  warnedBefore,
  WARNING_MS,
} from './inactivity.js';

/** Devices in one statement. */
const MAX_BATCH = 500;

/** Users whose devices are removed in one run: what is left waits for the next sweep. */
const USERS_PER_QUERY = 200;
const MAX_QUERIES = 50;

/** Devices that are marked as announced in one statement. */
const WARNINGS_PER_QUERY = 1000;

export interface ActivityDeps {
  store: Store;
  clock: Clock;
  switchboard: Switchboard;
  observer: RelayObserver;
  /** Of apps that have no time of their own. */
  inactiveMs: number;
  tenants: Tenants;
  onError: (error: unknown) => void;
}

/** A device with a socket on this node. */
export interface OnlineDevice {
  readonly address: { user: Aci };
  readonly mailbox: MailboxId;
  warn(expiring: ExpiringDevice): void;
}

interface Seen {
  app: AppId;
  user: Aci;
  mailbox: MailboxId;
}

/**
 * Which devices are in use. The day is noted, once a day: at the first request of a device, and daily for sockets that
 * stay. Devices that are silent for too long are removed, after the user's other devices were told.
 */
export class Activity {
  readonly #deps: ActivityDeps;
  readonly #notes: Batcher<Seen, undefined>;
  #lastDay = -1;

  constructor(deps: ActivityDeps) {
    this.#deps = deps;
    this.#notes = new Batcher((items) => this.#write(items), { weigh: () => 1, maxWeight: MAX_BATCH });
  }

  /** A device has shown up. Whoever was about to be removed is noted before this resolves; it may be too late for it. */
  async note(app: AppId, user: Aci, device: DeviceRecord): Promise<void> {
    const { store, clock, onError } = this.#deps;
    const inactiveMs = this.#inactiveMs(app);
    const [now, { mailbox, seenDay }] = [clock.now(), device];
    if (seenDay >= dayOf(now)) return;
    if (silentUntil(seenDay, inactiveMs) - WARNING_MS > now) {
      void this.#notes.add({ app, user, mailbox }).catch(onError);
      return;
    }
    await store.updateUser(app, user, () => ({ change: { seen: { mailbox, day: dayOf(now) } }, result: undefined }));
  }

  expiring(app: AppId, state: UserState, self: MailboxId): ExpiringDevice[] {
    const { clock } = this.#deps;
    return expiringOthers(state, self, { now: clock.now(), inactiveMs: this.#inactiveMs(app) });
  }

  /** Once a day: notes who is online, notes whom it is about to announce and reminds the others, removes who is silent. */
  async daily(online: ReadonlyMap<AppId, readonly OnlineDevice[]>): Promise<void> {
    const now = this.#deps.clock.now();
    if (dayOf(now) === this.#lastDay) return;
    const isWarned = await this.#inEveryApp((apps, inactiveMs) => this.#warnIn(apps, inactiveMs, now));
    for (const [app, devices] of online) {
      for (let at = 0; at < devices.length; at += MAX_BATCH) await this.#remind(app, devices.slice(at, at + MAX_BATCH));
    }
    const isRemoved = await this.#inEveryApp((apps, inactiveMs) => this.#removeSilentIn(apps, inactiveMs, now));
    if (isWarned && isRemoved) this.#lastDay = dayOf(now);
  }

  async #remind(app: AppId, online: readonly OnlineDevice[]): Promise<void> {
    const { store, clock } = this.#deps;
    const inactiveMs = this.#inactiveMs(app);
    const now = clock.now();
    const seen = online.map(({ address: { user }, mailbox }) => ({ user, mailbox }));
    await store.seen(app, seen, dayOf(now));
    const users = [...new Set(seen.map(({ user }) => user))];
    const quiet = new Map<Aci, QuietDevice[]>();
    for (const device of await store.quiet(app, users, warnedBefore(now, inactiveMs))) {
      quiet.set(device.user, [...(quiet.get(device.user) ?? []), device]);
    }
    for (const each of online) {
      for (const other of quiet.get(each.address.user) ?? []) {
        const { mailbox, device, registration } = other;
        if (mailbox !== each.mailbox) each.warn({ device, registration, expiresAt: expiryOf(other, now, inactiveMs) });
      }
    }
  }

  /** @returns whether the work is done in all */
  async #inEveryApp(work: (apps: AppScope, inactiveMs: number) => Promise<boolean>): Promise<boolean> {
    const { inactiveMs, tenants } = this.#deps;
    const own = tenants.inactivities();
    let done = await work({ except: [...own.keys()] }, inactiveMs);
    for (const [only, ms] of own) done = (await work({ only }, ms)) && done;
    return done;
  }

  /** @returns whether all are marked */
  async #warnIn(apps: AppScope, inactiveMs: number, now: number): Promise<boolean> {
    const warning = { before: warnedBefore(now, inactiveMs), day: dayOf(now) };
    for (let query = 0; query < MAX_QUERIES; query++) {
      // None are left, or another node is at them.
      if ((await this.#deps.store.warned(warning, WARNINGS_PER_QUERY, apps)) === 0) return true;
    }
    return false;
  }

  /** @returns whether all are gone */
  async #removeSilentIn(apps: AppScope, inactiveMs: number, now: number): Promise<boolean> {
    const { store } = this.#deps;
    const limits = silence(now, inactiveMs);
    for (let query = 0; query < MAX_QUERIES; query++) {
      const users = await store.inactive(limits, USERS_PER_QUERY, apps);
      let count = 0;
      for (const { app, user } of users) count += await this.#removeOf(app, user, now);
      // None are left, or another node is at them.
      if (count === 0) return true;
    }
    return false;
  }

  async #removeOf(app: AppId, user: Aci, now: number): Promise<number> {
    const { store, switchboard, observer } = this.#deps;
    const { removed, staying } = await store.updateUser(app, user, (state) =>
      decideInactive(state, silence(now, this.#inactiveMs(app)), now),
    );
    for (const { mailbox, device, registration } of removed) {
      switchboard.ringEverywhere(mailbox, { kind: 'gone' });
      const ring = { kind: 'device-expiring', expiring: { device, registration, expiresAt: now } } as const;
      for (const other of staying) switchboard.ring(other.mailbox, ring);
      observer.security?.({ event: 'device-expired', app, user, device });
    }
    if (removed.length > 0) observer.directoryChanged?.(app);
    return removed.length;
  }

  #inactiveMs(app: AppId): number {
    return this.#deps.tenants.policy(app).inactiveMs;
  }

  async #write(items: Seen[]): Promise<undefined[]> {
    const { store, clock } = this.#deps;
    for (const app of new Set(items.map((item) => item.app))) {
      await store.seen(
        app,
        items.filter((item) => item.app === app),
        dayOf(clock.now()),
      );
    }
    return items.map(() => undefined);
  }
}
