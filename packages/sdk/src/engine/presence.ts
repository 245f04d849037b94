import type { Aci } from '@sotto/protocol';

import { aciOf, directConversationId } from '../content/content.js';
import type { RelaySocket, TopicEvent } from '../network/relay-port.js';
import type { Presence } from '../presence/screen.js';
import { MAX_WATCHED, parseToEngine, WATCH_LEASE_MS, type ToEngine, type ToTabs } from '../presence/tab-messages.js';
import type { TabChannel } from '../util/tab-channel.js';
import type { EngineContext } from './context.js';
import type { Directory } from './directory.js';
import { sendingVerdict } from './identities.js';
import type { LocalDevice } from './local-device.js';
import type { RelayClock } from './relay-clock.js';
import { Topics, type TopicPeer } from './topics.js';
import { WatchedPeer } from './watched-peer.js';

const KIND = 'presence';

/** Own typing ends when no tab has said it again for this long. */
const TYPING_LEASE_MS = 8_000;

/** While somebody is online, when they were last seen is stored this often. */
const SAVE_EVERY_MS = 60_000;

interface Wanted {
  readonly peer: TopicPeer;
  readonly name: string;
  readonly lastSeen: number | null;
}

/**
 * Typing and presence in the conversations that are on screen: tells the others that this user is here, and tabs who else is.
 * Tabs say what is on screen again and again; their messages also keep this going where a hidden tab's timers are slowed.
 * Times are ticks of this process, which nobody can set; only when somebody was last seen is told by the clock.
 */
export class PresenceKeeper {
  #stopped = false;
  #local: LocalDevice | null = null;
  #cancel: () => void = () => undefined;
  #reconciling = false;
  #again = false;
  readonly #leases = new Map<string, { readonly users: readonly string[]; readonly until: number }>();
  readonly #peers = new Map<Aci, WatchedPeer>();
  /** What tabs were told last. */
  readonly #told = new Map<Aci, Presence>();
  readonly #saved = new Map<Aci, number>();
  readonly #context: EngineContext;
  readonly #directory: Directory;
  readonly #topics: Topics;
  readonly #channel: TabChannel;

  constructor(context: EngineContext, clock: RelayClock, directory: Directory) {
    this.#context = context;
    this.#directory = directory;
    this.#channel = context.openTabChannel();
    this.#topics = new Topics(context, clock, {
      heard: (user, content) => this.#heard(user, content.kind === KIND ? content : null),
      joined: (user) => this.#touch(user, (peer, now) => peer.soon(now)),
      left: (user, tag) => this.#touch(user, (peer, now) => peer.doubt(tag, now)),
    });
  }

  start(): void {
    this.#channel.listen((message) => {
      const parsed = parseToEngine(message);
      if (parsed && !this.#stopped) this.#hearTab(parsed);
    });
    this.#tell({ type: 'ask' });
  }

  online(socket: RelaySocket, local: LocalDevice): void {
    this.#local = local;
    this.#topics.online(socket, local);
    const now = this.#context.clock.ticks();
    for (const peer of this.#peers.values()) peer.soon(now);
    this.reconcile();
  }

  offline(): void {
    this.#topics.offline();
  }

  topic(event: TopicEvent): void {
    if (!this.#stopped) this.#topics.receive(event);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#sayGone(this.#peers.values());
    this.#stopped = true;
    this.#cancel();
    this.#channel.close();
  }

  /** Something that decides about who is told has changed: what is on screen, identities, answers, visibility. */
  reconcile(): void {
    this.#again = true;
    if (this.#reconciling) return;
    this.#reconciling = true;
    void this.#reconcileAll().finally(() => (this.#reconciling = false));
  }

  async #reconcileAll(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        const wanted = await this.#wanted();
        if (!this.#isStopped()) this.#follow(wanted);
      } catch {
        // The history or the vault cannot be read now: the next word of a tab tries again.
      }
    }
  }

  /** Asked again after an await. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  /** Those on screen whom this user tells of themselves: people they have answered, under an identity they have accepted. */
  async #wanted(): Promise<Wanted[]> {
    const names = this.#onScreen();
    const { app, user: self, receipts, history } = this.#context;
    const users = names.map((name) => ({ name, user: aciOf(app, name) }));
    const tables = ['conversations', 'identities', 'settings', 'lastSeen'] as const;
    const rows = await history.read(tables, async (transaction) => {
      const setting = await transaction.get('settings', ['presence']);
      const visible = setting?.value !== 'invisible';
      const found = [];
      for (const { name, user } of users) {
        const conversation = await transaction.get('conversations', [directConversationId(self, user)]);
        const identity = await transaction.get('identities', [user]);
        const seen = await transaction.get('lastSeen', [user]);
        const tells = visible && (receipts === 'always' || conversation?.answered === 1);
        found.push({ name, user, identity, tells, lastSeen: seen?.at ?? null });
      }
      return found;
    });
    const wanted: Wanted[] = [];
    for (const { name, user, identity, tells, lastSeen } of rows) {
      const pinned = await this.#directory.peer(user);
      if (tells && pinned && sendingVerdict(identity, pinned.identityKey) === 'yes')
        wanted.push({ peer: { user, identityKey: pinned.identityKey }, name, lastSeen });
      else this.#tellPresence(user, name, { online: false, typing: false, lastSeen });
    }
    return wanted;
  }

  #onScreen(): string[] {
    const now = this.#context.clock.ticks();
    for (const [tab, { until }] of this.#leases) if (until <= now) this.#leases.delete(tab);
    const users = [...this.#leases.values()].flatMap(({ users }) => users);
    return [...new Set(users)].filter((name) => name !== this.#context.userName).slice(0, MAX_WATCHED);
  }

  #follow(wanted: readonly Wanted[]): void {
    const users = new Set(wanted.map(({ peer }) => peer.user));
    const leaving = [...this.#peers.values()].filter(({ user }) => !users.has(user));
    this.#sayGone(leaving);
    for (const { user } of leaving) {
      this.#peers.delete(user);
      this.#told.delete(user);
    }
    this.#topics.want(wanted.map(({ peer }) => peer));
    const now = this.#context.clock.ticks();
    for (const { peer, name, lastSeen } of wanted) {
      if (this.#peers.has(peer.user)) continue;
      const watched = new WatchedPeer(peer.user, name);
      watched.lastSeen = lastSeen;
      watched.nextBeatAt = now;
      this.#peers.set(peer.user, watched);
    }
    this.#tick();
  }

  #hearTab(message: ToEngine): void {
    const now = this.#context.clock.ticks();
    if (message.type === 'watch') {
      this.#leases.delete(message.tab);
      if (message.users.length > 0)
        this.#leases.set(message.tab, { users: message.users, until: now + WATCH_LEASE_MS });
      // A tab that has just come knows nothing yet.
      this.#told.clear();
      this.reconcile();
      return;
    }
    this.#touch(aciOf(this.#context.app, message.user), (peer) => {
      const was = peer.typingUntil > now;
      peer.typingUntil = message.on ? now + TYPING_LEASE_MS : 0;
      if (was || message.on) peer.soon(now);
    });
  }

  #heard(user: Aci, content: Parameters<WatchedPeer['hear']>[0] | null): void {
    const self = this.#local?.device;
    if (!content || self === undefined) return;
    this.#touch(user, (peer, now) => peer.hear(content, self, now, this.#context.clock.now()));
  }

  #touch(user: Aci, change: (peer: WatchedPeer, now: number) => void): void {
    const peer = this.#peers.get(user);
    if (!peer) return;
    change(peer, this.#context.clock.ticks());
    this.#tick();
  }

  /** Says and tells what is due, and sleeps until something is again. */
  #tick(): void {
    if (this.#stopped) return;
    this.#cancel();
    const now = this.#context.clock.ticks();
    let next = Infinity;
    for (const { until } of this.#leases.values()) next = Math.min(next, until);
    if ([...this.#leases.values()].some(({ until }) => until <= now)) this.reconcile();
    for (const peer of this.#peers.values()) {
      if (peer.typingUntil !== 0 && peer.typingUntil <= now) {
        peer.typingUntil = 0;
        peer.soon(now);
      }
      if (this.#topics.isOnline && peer.nextBeatAt <= now)
        this.#topics.publish(peer.user, KIND, peer.beat(now, this.#context.random));
      next = Math.min(next, this.#topics.isOnline ? peer.expire(now) : Math.max(now + 1_000, peer.expire(now)));
      this.#tellPresence(peer.user, peer.name, peer.presence(now));
    }
    if (next < Infinity) this.#cancel = this.#context.clock.after(Math.max(1, next - now), () => this.#tick());
  }

  #sayGone(peers: Iterable<WatchedPeer>): void {
    const now = this.#context.clock.ticks();
    for (const peer of peers) {
      this.#topics.publish(peer.user, KIND, peer.beat(now, this.#context.random, true));
      if (peer.presence(now).online) this.#save(peer.user, peer.lastSeen);
    }
  }

  #tellPresence(user: Aci, name: string, presence: Presence): void {
    const told = this.#told.get(user);
    const same = told?.online === presence.online && told.typing === presence.typing;
    if (
      presence.online !== (told?.online ?? false) ||
      Math.abs((presence.lastSeen ?? 0) - (this.#saved.get(user) ?? 0)) > SAVE_EVERY_MS
    )
      if (presence.lastSeen !== null) this.#save(user, presence.lastSeen);
    // While somebody is online, when that was last seen changes all the time and is of no interest.
    if (same && (presence.online || told.lastSeen === presence.lastSeen)) return;
    this.#told.set(user, presence);
    this.#tell({ type: 'presence', user: name, ...presence });
  }

  #save(user: Aci, at: number | null): void {
    if (at === null || this.#saved.get(user) === at) return;
    this.#saved.set(user, at);
    this.#context.history
      .write(['lastSeen'], (transaction) => transaction.put('lastSeen', { user, at }))
      // Of no consequence: it is said again in a minute.
      .catch(() => undefined);
  }

  #tell(message: ToTabs): void {
    this.#channel.post(message);
  }
}
