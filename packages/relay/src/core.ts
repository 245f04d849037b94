import { randomUUID } from 'node:crypto';

import type { AppId } from '@sotto/protocol';

import { everyApp, type Tenants } from './apps/tenants.js';
import type { TokenVerifier } from './auth/token-verifier.js';
import type { Bus } from './bus/bus.js';
import { Activity } from './directory/activity.js';
import { whyMissing } from './directory/authenticate.js';
import { Directory } from './directory/directory.js';
import { DEFAULT_INACTIVE_MS } from './directory/inactivity.js';
import { DeviceLists } from './directory/lists.js';
import { Deadlines } from './deadlines.js';
import { RelayError } from './errors.js';
import { parseHello } from './gateway/parse.js';
import type { Admission } from './gateway/admission.js';
import { EXPIRY_SLOT_MS, Session, type Peer, type SessionDeps } from './gateway/session.js';
import { Leases } from './limits/lease.js';
import { takeOrRefuse, unlimited, type Demand, type Limiter } from './limits/limits.js';
import { AckWriter } from './mailbox/ack.js';
import type { MailboxId } from './mailbox/mailbox-id.js';
import { SubmitWriter } from './mailbox/submit.js';
import { Switchboard } from './mailbox/switchboard.js';
import { observers, type Proven, type RefusedSource, type RelayObserver } from './observer.js';
import { systemClock, systemRandom, type Clock, type Random } from './platform.js';
import type { Quota, Store } from './store/store.js';
import { NODE_BYTES } from './topics/topic-signal.js';
import { Topics } from './topics/topics.js';

const HOUR_MS = 3_600_000;

export const DEFAULT_RETENTION_MS = 45 * 24 * HOUR_MS;
export const DEDUPE_MS = 48 * HOUR_MS;
export const DEFAULT_QUOTA: Quota = { envelopes: 50_000, bytes: 256 * 1024 * 1024 };

/** Mailboxes whose heads are read in one statement: a few milliseconds. */
const HEAL_PAGE = 1_000;

export interface RelayCoreOptions {
  store: Store;
  bus: Bus;
  verifier: TokenVerifier;
  /** The apps; absent: one policy for whatever the verifier lets in. */
  tenants?: Tenants;
  limiter?: Limiter;
  clock?: Clock;
  random?: Random;
  retentionMs?: number;
  /** Devices that do not connect for so long are removed. */
  inactiveMs?: number;
  quota?: Quota;
  observers?: readonly RelayObserver[];
  /** Hears of failures that clients only see as `internal` or `unavailable`. */
  onError?: (error: unknown) => void;
}

/** See {@link RelayCore}. The store must be open. */
export async function createRelayCore(options: RelayCoreOptions): Promise<RelayCore> {
  return new RelayCore(options, await options.store.relayKey());
}

/**
 * The whole relay without sockets, HTTP and timers: on a memory store it runs inside a simulation exactly as it does
 * behind Socket.IO.
 */
export class RelayCore {
  readonly directory: Directory;
  readonly verifier: TokenVerifier;
  readonly #options: Required<RelayCoreOptions>;
  readonly #leases: Leases;
  readonly #observer: Required<RelayObserver>;
  readonly #relayKey: Uint8Array;
  readonly #switchboard: Switchboard;
  readonly #topics: Topics;
  readonly #lists: DeviceLists;
  readonly #activity: Activity;
  readonly #sessions = new Map<MailboxId, Session>();
  /** What all sessions of an app share. */
  readonly #sessionDeps = new Map<AppId, SessionDeps>();
  readonly #expiries: Deadlines<Session>;
  #isClosing = false;

  constructor(options: RelayCoreOptions, relayKey: Uint8Array) {
    const { retentionMs = DEFAULT_RETENTION_MS, quota = DEFAULT_QUOTA, inactiveMs = DEFAULT_INACTIVE_MS } = options;
    this.#options = {
      tenants: everyApp({ retentionMs, quota, inactiveMs }),
      limiter: unlimited,
      clock: systemClock,
      random: systemRandom,
      retentionMs,
      inactiveMs,
      quota,
      observers: [],
      onError: () => undefined,
      ...options,
    };
    const { store, bus, limiter, clock, random, tenants, onError } = this.#options;
    this.#observer = observers(this.#options.observers);
    this.verifier = options.verifier;
    this.#relayKey = relayKey;
    this.#leases = new Leases(limiter, clock);
    this.#expiries = new Deadlines(clock, EXPIRY_SLOT_MS, (session) => {
      session.bye('token-expired');
    });
    this.#switchboard = new Switchboard(bus);
    this.#topics = new Topics(bus, random(NODE_BYTES));
    this.#lists = new DeviceLists(store);
    const observer = this.#observer;
    this.#activity = new Activity({
      store,
      clock,
      switchboard: this.#switchboard,
      observer,
      inactiveMs,
      tenants,
      onError,
    });
    this.directory = new Directory({
      activity: this.#activity,
      store,
      limiter,
      clock,
      random,
      relayKey,
      switchboard: this.#switchboard,
      observer: this.#observer,
    });
    const heal = () => void this.heal().catch(onError);
    bus.onGap(heal);
    store.onMoved?.(heal);
  }

  /** Sockets that are open on this node. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Envelopes that wait for the acknowledgement of a device with a socket on this node. */
  get backlog(): number {
    let total = 0;
    for (const session of this.#sessions.values()) total += session.backlog;
    return total;
  }

  /** Subscriptions of topics on this node. */
  get subscriptions(): number {
    return this.#topics.count;
  }

  isOnline(mailbox: MailboxId): boolean {
    return this.#sessions.has(mailbox);
  }

  /** Takes a point of each; refuses with `rate-limited`. */
  async limit(...demands: Demand[]): Promise<void> {
    await takeOrRefuse(this.#options.limiter, demands);
  }

  /** Tells the observers of a refusal. */
  refused(refusal: RelayError, from: RefusedSource): void {
    this.#observer.refused(refusal, from);
  }

  /**
   * Checks a `hello`: rejects with the refusal that the socket is to hear. Takes nothing that would have to be freed.
   *
   * @param ip where the socket comes from
   * @param onProven hears who it is as soon as that is proven, also of those who are refused for something else
   */
  async admit(input: unknown, ip?: string, onProven?: (who: Proven) => void): Promise<Admission> {
    if (this.#isClosing) throw new RelayError('shutting-down');
    const hello = parseHello(input);
    const login = await this.verifier.verify(hello.token);
    const { app, user } = login;
    onProven?.({ app, user });
    await this.limit({ app, limit: 'connectionsPerUser', key: `${app}/${user}` });
    const { device, state } = await this.directory.authenticate(login, hello);
    onProven?.({ app, user, device: device.device });
    await this.limit(
      { app, limit: 'connectionsPerDevice', key: device.mailbox },
      { app, limit: 'connectionsPerApp', key: app },
    );
    const current = this.#sessions.get(device.mailbox);
    if (current && current.epoch > hello.epoch) throw new RelayError('superseded');
    const expiring = this.#activity.expiring(app, state, device.mailbox);
    return { login, hello, device, listVersion: state.listVersion, expiring, ...(ip !== undefined && { ip }) };
  }

  /** The admitted device has a socket now. */
  open(admission: Admission, peer: Peer): Session {
    const { app } = admission.login;
    const session = new Session(randomUUID(), admission, peer, this.#depsOf(app));
    const current = this.#sessions.get(session.mailbox);
    // The app may have been suspended, or its key removed, since the device was admitted.
    session.recheck();
    if (!session.isOpen) return session;
    if (this.#isClosing) session.bye('shutting-down');
    else if (current && current.epoch > session.epoch) session.bye('superseded');
    else {
      current?.bye('superseded');
      this.#sessions.set(session.mailbox, session);
      void session.start(admission);
      this.#observer.directoryChanged(app);
    }
    return session;
  }

  /**
   * Finds what the bus or the store may have lost: reads the heads of all mailboxes that have a socket here, a page at a time, so
   * that after an outage a hundred thousand of them hold up neither the database nor this process.
   */
  async heal(): Promise<void> {
    // Grace periods of keys end without any change.
    this.recheckApps();
    for (const [app, open] of this.#sessionsByApp())
      for (let at = 0; at < open.length; at += HEAL_PAGE) await this.#healSome(app, open.slice(at, at + HEAL_PAGE));
  }

  async #healSome(app: AppId, sessions: readonly Session[]): Promise<void> {
    // Whoever has gone since the pages began is not asked for.
    const open = sessions.filter(({ isOpen }) => isOpen);
    if (open.length === 0) return;
    const sent = open.map((session) => session.sent);
    const heads = await this.#options.store.heads(
      app,
      open.map(({ mailbox }) => mailbox),
    );
    for (const [index, session] of open.entries()) {
      const head = heads.get(session.mailbox);
      if (head === undefined)
        session.bye(whyMissing(await this.#options.store.user(app, session.address.user), session.address));
      else session.poke(head, sent[index] ?? 0);
    }
  }

  /**
   * Deletes what has expired; once a day also devices that nobody uses any more.
   *
   * @param now milliseconds since the epoch, by which it has
   */
  async sweep(now = this.#options.clock.now()): Promise<{ expired: number }> {
    const { store, retentionMs, tenants } = this.#options;
    const retentionMsOf = tenants.retentions();
    const swept = await store.sweep({ now, retentionMs, retentionMsOf, dedupeMs: DEDUPE_MS });
    await this.#activity.daily(this.#sessionsByApp());
    return swept;
  }

  /** The apps have changed: sockets of those that may not work any more, or whose key is gone, are told, and closed. */
  recheckApps(): void {
    for (const session of [...this.#sessions.values()]) session.recheck();
  }

  /** Tells everybody, then waits for the commits under way. Store and bus stay open: they belong to the caller. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const session of [...this.#sessions.values()]) session.bye('shutting-down');
    await Promise.all(
      [...this.#sessionDeps.values()].flatMap(({ submits, acks }) => [submits.settled(), acks.settled()]),
    );
  }

  #depsOf(app: AppId): SessionDeps {
    const known = this.#sessionDeps.get(app);
    if (known) return known;
    const { store, clock, tenants, onError } = this.#options;
    const deps = {
      leases: this.#leases,
      observer: this.#observer,
      store,
      clock,
      tenants,
      onError,
      switchboard: this.#switchboard,
      topics: this.#topics,
      relayKey: this.#relayKey,
      lists: this.#lists,
      verifier: this.verifier,
      expiries: this.#expiries,
      onClosed: (session: Session) => {
        if (this.#sessions.get(session.mailbox) === session) this.#sessions.delete(session.mailbox);
        this.#observer.directoryChanged(app);
      },
      ...this.#writersOf(app),
    };
    this.#sessionDeps.set(app, deps);
    return deps;
  }

  #writersOf(app: AppId): Pick<SessionDeps, 'submits' | 'acks'> {
    const { store, clock, tenants } = this.#options;
    const observer = this.#observer;
    const quota = () => tenants.policy(app).quota;
    const submits = { store, clock, quota, observer, switchboard: this.#switchboard, key: this.#relayKey };
    return { submits: new SubmitWriter(app, submits), acks: new AckWriter(app, { store, clock, observer }) };
  }

  #sessionsByApp(): Map<AppId, Session[]> {
    const byApp = new Map<AppId, Session[]>();
    for (const session of this.#sessions.values()) {
      const others = byApp.get(session.app);
      if (others) others.push(session);
      else byApp.set(session.app, [session]);
    }
    return byApp;
  }
}
