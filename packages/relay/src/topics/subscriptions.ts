import { Buffer } from 'node:buffer';

import {
  limits,
  type AppId,
  type DownEvent,
  type DownMessage,
  type Join,
  type Leave,
  type Publish,
} from '@sotto/protocol';

import { RelayError } from '../errors.js';
import type { Leases } from '../limits/lease.js';
import { refuseFor } from '../limits/limits.js';
import { asBuffer } from '../mailbox/deliver.js';
import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { RelayObserver } from '../observer.js';
import { topicChannel, type TopicChannel } from './topic-channel.js';
import type { TopicSignal } from './topic-signal.js';
import type { Subscription, Topics } from './topics.js';

/** A signal to so many subscriptions costs its sender one point: who shouts to many may shout less often. */
const FAN_OUT_PER_POINT = 20;

/** The socket, as far as topics need it. */
export interface TopicPeer {
  emit<E extends DownEvent>(event: E, message: DownMessage<E>): void;
  /** True while more waits for the other end than it takes: topics are not worth the memory then. */
  isBehind?(): boolean;
}

export interface TopicDeps {
  topics: Topics;
  relayKey: Uint8Array;
  leases: Leases;
  observer: Required<RelayObserver>;
}

interface Joined extends Subscription {
  will: Uint8Array | undefined;
}

/** The topics that one socket has joined. Its requests run one after another, so that `publish` may follow `join` at once. */
export class Subscriptions {
  readonly #app: AppId;
  readonly #peer: TopicPeer;
  readonly #deps: TopicDeps;
  readonly #mailbox: MailboxId;
  readonly #joined = new Map<TopicChannel, Joined>();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(owner: { app: AppId; mailbox: MailboxId }, peer: TopicPeer, deps: TopicDeps) {
    this.#app = owner.app;
    this.#peer = peer;
    this.#deps = deps;
    this.#mailbox = owner.mailbox;
  }

  /** Rejects with `topic-limit`, `topic-full`, `rate-limited`. */
  join({ topic, tag, will }: Join): Promise<void> {
    return this.#inOrder(async () => {
      const channel = this.#channelOf(topic);
      await this.#pay(channel);
      if (this.#closed) return;
      const known = this.#joined.get(channel);
      // Copies: what was parsed is a piece of a whole frame, and would keep it in memory.
      const subscription = this.#subscription(channel, { topic, tag, will: will && Buffer.from(will) });
      if (known && Buffer.compare(known.tag, tag) === 0) {
        known.will = subscription.will;
        return;
      }
      if (!known && this.#joined.size >= limits.MAX_TOPICS_PER_SOCKET) throw new RelayError('topic-limit');
      if (known) this.#end(known);
      this.#joined.set(channel, subscription);
      try {
        await this.#deps.topics.join(subscription);
      } catch (error) {
        this.#joined.delete(channel);
        throw error;
      }
    });
  }

  leave({ topic }: Leave): Promise<void> {
    return this.#inOrder(() => {
      const known = this.#joined.get(this.#channelOf(topic));
      if (known) this.#end(known);
      return Promise.resolve();
    });
  }

  /** Rejects with `topic-not-joined`, `rate-limited`. */
  publish({ topic, payload }: Publish): Promise<void> {
    return this.#inOrder(async () => {
      const subscription = this.#joined.get(this.#channelOf(topic));
      if (!subscription) throw new RelayError('topic-not-joined');
      await this.#pay(subscription.channel);
      this.#deps.topics.publish(subscription, payload);
    });
  }

  /** The socket is gone, however that came about: the wills are carried out. */
  close(): void {
    this.#closed = true;
    for (const subscription of [...this.#joined.values()]) this.#end(subscription, subscription.will);
  }

  #end(subscription: Joined, will?: Uint8Array): void {
    this.#joined.delete(subscription.channel);
    this.#deps.topics.leave(subscription, will);
  }

  #subscription(channel: TopicChannel, { topic, tag, will }: Join): Joined {
    const id = Buffer.from(topic);
    return { channel, tag: Buffer.from(tag), will, hear: (signal) => this.#hear(id, signal) };
  }

  #hear(topic: Buffer, signal: TopicSignal): void {
    const isDropped = this.#peer.isBehind?.() ?? false;
    this.#deps.observer.signalled(isDropped ? 'dropped' : 'delivered');
    if (isDropped) return;
    switch (signal.kind) {
      case 'message':
        this.#peer.emit('topic', { topic, payload: asBuffer(signal.payload) });
        break;
      case 'joined':
        this.#peer.emit('joined', { topic, tag: asBuffer(signal.tag) });
        break;
      case 'left':
        this.#peer.emit('left', {
          topic,
          tag: asBuffer(signal.tag),
          ...(signal.will && { will: asBuffer(signal.will) }),
        });
        break;
    }
  }

  async #pay(channel: TopicChannel): Promise<void> {
    const points = 1 + Math.floor(this.#deps.topics.size(channel) / FAN_OUT_PER_POINT);
    const demand = { app: this.#app, limit: 'topicSignalsPerDevice', key: this.#mailbox } as const;
    refuseFor([await this.#deps.leases.take(demand, points)], this.#app);
  }

  #channelOf(topic: Uint8Array): TopicChannel {
    return topicChannel(this.#deps.relayKey, this.#app, topic);
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
