import {
  limits,
  type Aci,
  type AppId,
  type BundlesResponse,
  type DeviceId,
  type DeviceListResponse,
  type DevicesResponse,
  type LinkTokenResponse,
  type PreKeyBundle,
  type PreKeyCounts,
  type PutPreKeysRequest,
  type RegisterRequest,
  type RegisterResponse,
  type SignedDeviceList,
} from '@sotto/protocol';

import { hashSecret } from '../auth/secret.js';
import type { Login } from '../auth/token-verifier.js';
import { RelayError } from '../errors.js';
import type { Demand, Limiter } from '../limits/limits.js';
import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { Switchboard } from '../mailbox/switchboard.js';
import type { RelayObserver, UserEvent } from '../observer.js';
import type { Clock, Random } from '../platform.js';
import type { DeviceRecord, Store, UserState } from '../store/store.js';
import type { Activity } from './activity.js';
import { authenticateDevice, type DeviceClaim } from './authenticate.js';
import { decideDeviceList, decideRemoval } from './device-list.js';
import { DAY_MS, dayOf } from './inactivity.js';
import { decideRegistration } from './registration.js';

const LINK_TOKEN_MS = 10 * 60_000;

/** Open link tokens of one user; more than one is only ever needed when somebody starts over. */
const MAX_LINK_TOKENS = 10;

/** One-time keys of one kind that a device may keep at the relay: a full stock and one that was just uploaded. */
const MAX_STOCK = 2 * limits.ONE_TIME_PREKEY_STOCK;

/** The caller of a route that needs a device. */
export interface Caller {
  login: Login;
  device: DeviceRecord;
  /** Where the request comes from. */
  ip?: string;
}

export interface DirectoryDeps {
  store: Store;
  switchboard: Switchboard;
  limiter: Limiter;
  clock: Clock;
  random: Random;
  relayKey: Uint8Array;
  observer: RelayObserver;
  activity: Activity;
}

/** Devices, device lists and prekeys: what the HTTP routes do, without HTTP. Everything rejects with RelayErrors. */
export class Directory {
  readonly #deps: DirectoryDeps;

  constructor(deps: DirectoryDeps) {
    this.#deps = deps;
  }

  /** Rejects with `device-unknown` or `device-gone`. */
  async authenticate(login: Login, claim: DeviceClaim): Promise<Caller & { state: UserState }> {
    const state = await this.#deps.store.user(login.app, login.user);
    if (!state) throw new RelayError('device-unknown');
    const device = authenticateDevice(state, claim);
    await this.#deps.activity.note(login.app, login.user, device);
    return { login, state, device };
  }

  async register(login: Login, request: RegisterRequest): Promise<RegisterResponse> {
    const { store, clock, random, relayKey } = this.#deps;
    const context = { login, request, relayKey, now: clock.now(), random };
    const { removed, ...device } = await store.updateUser(login.app, login.user, (state) =>
      decideRegistration(state, context),
    );
    this.#sayGone(removed);
    this.#record(request.reset ? 'user-reset' : 'device-registered', login, device.device);
    return { user: login.user, ...device };
  }

  async putDeviceList({ login, device }: Caller, signed: SignedDeviceList): Promise<void> {
    const { store, clock, switchboard } = this.#deps;
    const { version, staying, removed } = await store.updateUser(login.app, login.user, (state) =>
      decideDeviceList(state, login, signed, clock.now()),
    );
    this.#sayGone(removed);
    for (const mailbox of staying) {
      if (mailbox !== device.mailbox) switchboard.ring(mailbox, { kind: 'list-changed', version });
    }
    this.#record('device-list-published', login, device.device);
  }

  /** The devices of the caller's own user. */
  async devices({ login, device: caller }: Caller): Promise<DevicesResponse> {
    const { store, clock } = this.#deps;
    const state = await store.user(login.app, login.user);
    const today = dayOf(clock.now());
    const living = (state?.devices ?? []).filter(({ removedAt }) => removedAt === null);
    return {
      devices: living.map(({ device, registration, listed, createdAt, seenDay, mailbox }) => {
        // The caller's own day may be on its way into the store.
        const lastSeenAt = (mailbox === caller.mailbox ? today : seenDay) * DAY_MS;
        return { device, registration, listed, createdAt, lastSeenAt };
      }),
    };
  }

  /** Rejects with `user-unknown` while the user has no list. */
  async getDeviceList(app: AppId, user: Aci): Promise<DeviceListResponse> {
    const state = await this.#deps.store.user(app, user);
    if (!state?.list || !state.identityKey) throw new RelayError('user-unknown');
    return { user, identityKey: state.identityKey, list: state.list };
  }

  async makeLinkToken({ login, device }: Caller): Promise<LinkTokenResponse> {
    const { store, random, clock } = this.#deps;
    const linkToken = random(32);
    const now = clock.now();
    await store.updateUser(login.app, login.user, (state) => {
      if (state.linkTokens.filter(({ expiresAt }) => expiresAt > now).length >= MAX_LINK_TOKENS) {
        throw new RelayError('rate-limited', 'Too many open link tokens.', { retryAfterMs: LINK_TOKEN_MS });
      }
      const addLinkToken = { hash: hashSecret(linkToken), expiresAt: now + LINK_TOKEN_MS };
      return { change: { addLinkToken }, result: undefined };
    });
    this.#record('link-token-made', login, device.device);
    return { linkToken, expiresInMs: LINK_TOKEN_MS };
  }

  async putPreKeys({ login, device }: Caller, request: PutPreKeysRequest): Promise<PreKeyCounts> {
    const { store, clock } = this.#deps;
    const before = await store.preKeyCounts(login.app, device.mailbox);
    const kept = request.replace ? { oneTime: 0, kem: 0 } : before;
    if (kept.oneTime + request.oneTimePreKeys.length > MAX_STOCK || kept.kem + request.kemPreKeys.length > MAX_STOCK) {
      throw new RelayError('bad-request', `The stock of one-time prekeys would exceed ${MAX_STOCK}.`);
    }
    const counts = await store.putPreKeys(login.app, device.mailbox, request, clock.now());
    if (!counts) throw new RelayError('device-gone');
    this.#deps.observer.directoryChanged?.(login.app);
    return counts;
  }

  /** Devices that are not listed, or have published nothing, are left out. Rejects with `user-unknown`. */
  async bundles(caller: Caller, user: Aci, devices: readonly DeviceId[]): Promise<BundlesResponse> {
    const { store } = this.#deps;
    const { app } = caller.login;
    const state = await store.user(app, user);
    if (!state?.list || !state.identityKey) throw new RelayError('user-unknown');
    const bundles: PreKeyBundle[] = [];
    for (const device of state.devices) {
      if (!device.listed || !devices.includes(device.device)) continue;
      const bundle = await this.#takeBundle(caller, user, device);
      if (bundle) bundles.push(bundle);
    }
    this.#deps.observer.directoryChanged?.(app);
    return { user, identityKey: state.identityKey, list: state.list, bundles };
  }

  /** The signed list still names it: the user's other devices are told, and publish the next one. */
  async removeSelf({ login, device }: Caller): Promise<void> {
    const { store, clock, switchboard } = this.#deps;
    const now = clock.now();
    const { staying } = await store.updateUser(login.app, login.user, (state) => decideRemoval(state, device, now));
    this.#sayGone([device.mailbox]);
    const expiring = { device: device.device, registration: device.registration, expiresAt: now };
    for (const mailbox of staying) switchboard.ring(mailbox, { kind: 'device-expiring', expiring });
    this.#record('device-removed', login, device.device);
  }

  /** Whoever fetches too much still gets a bundle, only without one-time keys: nobody can be cut off by draining. */
  async #takeBundle(caller: Caller, user: Aci, device: DeviceRecord): Promise<PreKeyBundle | null> {
    const { store, clock, switchboard } = this.#deps;
    const { app } = caller.login;
    const isAllowed = await this.#mayUseUp(caller, user);
    const bundle = await store.takeBundle(app, device.mailbox, { oneTime: isAllowed, now: clock.now() });
    if (!bundle) return null;
    const { left, took, ...keys } = bundle;
    if (took && Math.min(left.oneTime, left.kem) < limits.ONE_TIME_PREKEY_LOW) {
      switchboard.ring(device.mailbox, { kind: 'prekeys-low', counts: left });
    }
    return { device: device.device, registration: device.registration, ...keys };
  }

  /** A fetcher that is over a limit of its own takes nothing from what others share: that comes second. */
  async #mayUseUp({ login: { app, user: fetcher }, device, ip }: Caller, user: Aci): Promise<boolean> {
    const { limiter } = this.#deps;
    const own: Demand[] = [
      { app, limit: 'bundlesPerPair', key: `${app}/${fetcher}/${user}` },
      { app, limit: 'bundlesPerUser', key: `${app}/${fetcher}` },
      { app, limit: 'bundlesPerDevice', key: device.mailbox },
    ];
    const shared: Demand[] = [
      { app, limit: 'bundlesPerTarget', key: `${app}/${user}` },
      { app, limit: 'bundlesPerApp', key: app },
      ...(ip === undefined ? [] : [{ limit: 'bundlesPerAddress', key: ip } as const]),
    ];
    for (const demands of [own, shared]) {
      const waits = await Promise.all(demands.map((demand) => limiter.take(demand)));
      if (waits.some((wait) => wait !== null)) return false;
    }
    return true;
  }

  #record(event: UserEvent['event'], { app, user }: Login, device: DeviceId): void {
    this.#deps.observer.security?.({ event, app, user, device });
    this.#deps.observer.directoryChanged?.(app);
  }

  #sayGone(mailboxes: readonly MailboxId[]): void {
    for (const mailbox of mailboxes) this.#deps.switchboard.ringEverywhere(mailbox, { kind: 'gone' });
  }
}
