import { limits, toBase64Url, type Aci } from '@sotto/protocol';

import type { RelaySocket, TopicEvent } from '../network/relay-port.js';
import type { EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';
import type { RelayClock } from './relay-clock.js';
import { deriveTopic, openTopic, sealTopic, utcDay, type TopicContent, type TopicSecret } from './topic-secret.js';

/** Around midnight the neighbouring day's topic is joined too: clocks differ by this much. */
const NEAR_MIDNIGHT_MS = 2 * 60_000;

/** Older messages are not believed. */
const OLDEST_MS = 30_000;

/** Who is on a topic, and with which identity key. */
export interface TopicPeer {
  readonly user: Aci;
  readonly identityKey: Uint8Array;
}

/** What topics tell of their members. */
export interface TopicEvents {
  /** A message of the peer: authentic, not repeated, not old. */
  heard(user: Aci, content: TopicContent): void;
  /** A subscription has begun: what we publish now, it hears. */
  joined(user: Aci): void;
  /** The relay says that a subscription has ended: a hint. @param tag base64url */
  left(user: Aci, tag: string): void;
}

interface Topic extends TopicSecret {
  readonly user: Aci;
  readonly day: number;
  readonly tag: Uint8Array;
}

/**
 * The encrypted topics of direct conversations: one a day, derived from both identity keys. Joined while wanted, on every new
 * socket anew. Nothing is stored and anything may be lost.
 */
export class Topics {
  #socket: RelaySocket | null = null;
  #local: LocalDevice | null = null;
  #counter = 0;
  #wanted: readonly TopicPeer[] = [];
  readonly #joined = new Map<string, Topic>();
  /** The largest counter heard of each device of each user. */
  readonly #heard = new Map<Aci, Map<number, number>>();
  readonly #context: EngineContext;
  readonly #clock: RelayClock;
  readonly #events: TopicEvents;

  constructor(context: EngineContext, clock: RelayClock, events: TopicEvents) {
    this.#context = context;
    this.#clock = clock;
    this.#events = events;
  }

  online(socket: RelaySocket, local: LocalDevice): void {
    this.#socket = socket;
    this.#local = local;
    this.#joined.clear();
    this.#update();
  }

  offline(): void {
    this.#socket = null;
    this.#joined.clear();
  }

  get isOnline(): boolean {
    return this.#socket !== null;
  }

  /** Joins what is wanted now and leaves the rest. Also to be called from time to time: days end. */
  want(peers: readonly TopicPeer[]): void {
    this.#wanted = peers;
    const users = new Set(peers.map(({ user }) => user));
    for (const user of this.#heard.keys()) if (!users.has(user)) this.#heard.delete(user);
    this.#update();
  }

  /** Publishes on today's topic. Lost if there is no connection. */
  publish(user: Aci, kind: string, body: TopicContent['body']): void {
    const today = utcDay(this.#clock.now());
    const local = this.#local;
    const topic = [...this.#joined.values()].find((one) => one.user === user && one.day === today);
    if (!topic || !local || !this.#socket) return;
    const at = this.#clock.now();
    // As large as the time, so that an engine which begins anew goes on above its predecessor.
    this.#counter = Math.max(this.#counter + 1, at);
    const { device } = local;
    const tag = toBase64Url(topic.tag);
    const content = { v: 1 as const, user: local.user, device, tag, counter: this.#counter, at, kind, body };
    const payload = sealTopic(topic, content, this.#context.random);
    this.#socket.publish({ topic: topic.id, payload }).catch(() => undefined);
  }

  receive(event: TopicEvent): void {
    const topic = this.#joined.get(toBase64Url(event.topic));
    if (!topic) return;
    if (event.type === 'joined') this.#events.joined(topic.user);
    else if (event.type === 'left') this.#events.left(topic.user, toBase64Url(event.tag));
    else this.#open(topic, event.payload);
  }

  #open(topic: Topic, payload: Uint8Array): void {
    const content = openTopic(topic, payload);
    // Both members hold the key: what claims to be of this user, the peer could have written.
    if (content?.user !== topic.user || this.#clock.now() - content.at > OLDEST_MS) return;
    const counters = this.#heard.get(topic.user) ?? new Map<number, number>();
    if ((counters.get(content.device) ?? -1) >= content.counter) return;
    counters.set(content.device, content.counter);
    this.#heard.set(topic.user, counters);
    this.#events.heard(topic.user, content);
  }

  #update(): void {
    const [socket, local] = [this.#socket, this.#local];
    if (!socket || !local) return;
    const wanted = new Map(this.#topics(local).map((topic) => [toBase64Url(topic.id), topic]));
    for (const [key, { id }] of this.#joined) {
      if (wanted.has(key)) continue;
      this.#joined.delete(key);
      socket.leave({ topic: id }).catch(() => undefined);
    }
    for (const [key, topic] of wanted) {
      if (this.#joined.has(key)) continue;
      const joined = { ...topic, tag: this.#context.random(16) };
      this.#joined.set(key, joined);
      // Refused or lost: the next update tries again.
      const undo = (): void => {
        if (this.#joined.get(key) === joined) this.#joined.delete(key);
      };
      socket.join({ topic: joined.id, tag: joined.tag }).then((reply) => (reply.ok ? undefined : undo()), undo);
    }
  }

  /** Today's first: should there be too many, the neighbouring day's are dropped. */
  #topics(local: LocalDevice): Omit<Topic, 'tag'>[] {
    const now = this.#clock.now();
    const days = new Set([utcDay(now), utcDay(now - NEAR_MIDNIGHT_MS), utcDay(now + NEAR_MIDNIGHT_MS)]);
    const own = { user: local.user, identityPrivateKey: local.party.identityKeyPair.privateKey };
    const topics = [...days].flatMap((day) =>
      this.#wanted.map((peer) => {
        const known = [...this.#joined.values()].find((topic) => topic.user === peer.user && topic.day === day);
        return known ?? { ...deriveTopic({ app: this.#context.app, own, peer }, day), user: peer.user, day };
      }),
    );
    return topics.slice(0, limits.MAX_TOPICS_PER_SOCKET);
  }
}
