import { randomUUID } from 'node:crypto';

import type { AppId, Envelope } from '@sotto/protocol';

import type { TokenVerifier } from './auth/token-verifier.js';
import type { Bus } from './bus/bus.js';
import { Directory } from './directory/directory.js';
import { DeviceLists } from './directory/lists.js';
import { RelayError } from './errors.js';
import { parseHello } from './gateway/parse.js';
import { Session, type Admission, type Peer, type SessionDeps } from './gateway/session.js';
import { unlimited, type Limiter } from './limits.js';
import { AckWriter } from './mailbox/ack.js';
import type { MailboxId } from './mailbox/mailbox-id.js';
import { SubmitWriter } from './mailbox/submit.js';
import { Switchboard } from './mailbox/switchboard.js';
import { systemClock, systemRandom, type Clock, type Random } from './platform.js';
import type { Quota, Store } from './store/store.js';

const HOUR_MS = 3_600_000;

export const DEFAULT_RETENTION_MS = 45 * 24 * HOUR_MS;
export const DEDUPE_MS = 48 * HOUR_MS;
export const DEFAULT_QUOTA: Quota = { envelopes: 50_000, bytes: 256 * 1024 * 1024 };

/** What watches the relay from inside: `--dev` and metrics. Called after the commit. */
export interface RelayObserver {
  stored?(app: AppId, mailbox: MailboxId, envelopes: Envelope[]): void;
  acked?(app: AppId, mailbox: MailboxId, seq: number): void;
  /** Devices, lists, prekeys or who is online. */
  directoryChanged?(app: AppId): void;
}

export interface RelayCoreOptions {
  store: Store;
  bus: Bus;
  verifier: TokenVerifier;
  limiter?: Limiter;
  clock?: Clock;
  random?: Random;
  retentionMs?: number;
  quota?: Quota;
  observer?: RelayObserver;
  /** Hears of failures that clients only see as `internal` or `unavailable`. */
  onError?: (error: unknown) => void;
}

export type RelayCore = Awaited<ReturnType<typeof createRelayCore>>;

/**
 * The whole relay without sockets, HTTP and timers: on a memory store it runs inside a simulation exactly as it does
 * behind Socket.IO.
 */
export async function createRelayCore(options: RelayCoreOptions) {
  const { store, bus, verifier, observer, onError = () => undefined } = options;
  const { clock = systemClock, random = systemRandom, limiter = unlimited } = options;
  const { retentionMs = DEFAULT_RETENTION_MS, quota = DEFAULT_QUOTA } = options;
  const key = await store.relayKey();
  const switchboard = new Switchboard(bus);
  const lists = new DeviceLists(store);
  const onChanged = (app: AppId) => observer?.directoryChanged?.(app);
  const directory = new Directory({ store, switchboard, limiter, clock, random, relayKey: key, onChanged });
  const sessions = new Map<MailboxId, Session>();
  const writers = new Map<AppId, { submits: SubmitWriter; acks: AckWriter }>();
  let isClosing = false;

  function writersOf(app: AppId) {
    const existing = writers.get(app);
    if (existing) return existing;
    const created = {
      submits: new SubmitWriter(app, {
        store,
        switchboard,
        clock,
        key,
        quota,
        onStored: (mailbox, envelopes) => observer?.stored?.(app, mailbox, envelopes),
      }),
      acks: new AckWriter(app, store, (mailbox, seq) => observer?.acked?.(app, mailbox, seq)),
    };
    writers.set(app, created);
    return created;
  }

  function onClosed(session: Session): void {
    if (sessions.get(session.mailbox) === session) sessions.delete(session.mailbox);
    onChanged(session.app);
  }

  /** Checks a `hello`: rejects with the refusal that the socket is to hear. Takes nothing that would have to be freed. */
  async function admit(input: unknown): Promise<Admission> {
    if (isClosing) throw new RelayError('shutting-down');
    const hello = parseHello(input);
    const login = await verifier.verify(hello.token);
    const { device, state } = await directory.authenticate(login, hello);
    if (!state) throw new RelayError('device-unknown');
    const current = sessions.get(device.mailbox);
    if (current?.isOpen && current.epoch > hello.epoch) throw new RelayError('superseded');
    return { login, hello, device, state };
  }

  /** The admitted device has a socket now. */
  function open(admission: Admission, peer: Peer): Session {
    const { app } = admission.login;
    const deps: SessionDeps = {
      store,
      switchboard,
      lists,
      verifier,
      clock,
      retentionMs,
      onClosed,
      onError,
      ...writersOf(app),
    };
    const session = new Session(randomUUID(), admission, peer, deps);
    const current = sessions.get(session.mailbox);
    if (isClosing) session.bye('shutting-down');
    else if (current && current.epoch > session.epoch) session.bye('superseded');
    else {
      current?.bye('superseded');
      sessions.set(session.mailbox, session);
      void session.start();
      onChanged(app);
    }
    return session;
  }

  /** Finds what the bus may have lost: reads the heads of all mailboxes that have a socket here. */
  async function heal(): Promise<void> {
    const byApp = new Map<AppId, Session[]>();
    for (const session of sessions.values()) {
      const others = byApp.get(session.app);
      if (others) others.push(session);
      else byApp.set(session.app, [session]);
    }
    for (const [app, open] of byApp) {
      const heads = await store.heads(
        app,
        open.map(({ mailbox }) => mailbox),
      );
      for (const session of open) {
        const head = heads.get(session.mailbox);
        if (head === undefined) session.bye('device-gone');
        else session.poke(head);
      }
    }
  }

  /** Deletes what has expired. */
  const sweep = () => store.sweep({ now: clock.now(), retentionMs, dedupeMs: DEDUPE_MS });

  /** Tells everybody, then waits for the commits under way. Store and bus stay open: they belong to the caller. */
  async function close(): Promise<void> {
    isClosing = true;
    for (const session of [...sessions.values()]) session.bye('shutting-down');
    await Promise.all([...writers.values()].flatMap(({ submits, acks }) => [submits.settled(), acks.settled()]));
  }

  bus.onGap(() => void heal().catch(onError));

  return {
    directory,
    verifier,
    admit,
    open,
    heal,
    sweep,
    close,
    isOnline: (mailbox: MailboxId) => sessions.has(mailbox),
    get connections() {
      return sessions.size;
    },
  };
}
