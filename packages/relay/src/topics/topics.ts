import { Buffer } from 'node:buffer';

import type { Bus } from '../bus/bus.js';
import { RelayError } from '../errors.js';
import type { TopicChannel } from './topic-channel.js';
import { decodeSignal, encodeSignal, type TopicSignal } from './topic-signal.js';

/** Subscriptions of one topic on one node: a group's members with all their devices. Bounds what one publish costs. */
export const MAX_SUBSCRIPTIONS_PER_TOPIC = 1_000;

/** One socket's subscription of one topic. */
export interface Subscription {
  readonly channel: TopicChannel;
  /** 16 bytes. */
  readonly tag: Uint8Array;
  hear(signal: TopicSignal): void;
}

interface LocalTopic {
  /** True: the others know of it. */
  readonly subscriptions: Map<Subscription, boolean>;
  readonly heard: Promise<() => void>;
}

/**
 * The topics of this node: passes signals between its subscriptions, and to and from other nodes over the bus. Keeps
 * nothing but who listens. What the bus loses is lost: clients repeat their state, and time out what they do not hear.
 */
export class Topics {
  readonly #bus: Bus;
  readonly #node: Uint8Array;
  readonly #topics = new Map<TopicChannel, LocalTopic>();
  #count = 0;

  /** @param node random, names this node on the bus: `NODE_BYTES` long */
  constructor(bus: Bus, node: Uint8Array) {
    this.#bus = bus;
    this.#node = node;
  }

  /** Subscriptions on this node, of all topics. */
  get count(): number {
    return this.#count;
  }

  /** Subscriptions of one topic on this node. */
  size(channel: TopicChannel): number {
    return this.#topics.get(channel)?.subscriptions.size ?? 0;
  }

  /**
   * Resolves when the newcomer hears what is published from then on; only then are the others told, so that their
   * answers reach it. Refuses with `topic-full`.
   */
  async join(subscription: Subscription): Promise<void> {
    const topic = this.#topicOf(subscription.channel);
    if (topic.subscriptions.size >= MAX_SUBSCRIPTIONS_PER_TOPIC) throw new RelayError('topic-full');
    topic.subscriptions.set(subscription, false);
    this.#count++;
    try {
      await topic.heard;
    } catch (error) {
      this.leave(subscription);
      throw error;
    }
    if (!topic.subscriptions.has(subscription)) return;
    topic.subscriptions.set(subscription, true);
    this.#spread(subscription, { kind: 'joined', tag: subscription.tag });
  }

  /** To all other subscriptions, on this node and on others. */
  publish(subscription: Subscription, payload: Uint8Array): void {
    this.#spread(subscription, { kind: 'message', payload });
  }

  /** Ends a subscription, also one whose `join` is under way. */
  leave(subscription: Subscription, will?: Uint8Array): void {
    const { channel, tag } = subscription;
    const topic = this.#topics.get(channel);
    const isKnown = topic?.subscriptions.get(subscription);
    if (!topic || isKnown === undefined) return;
    topic.subscriptions.delete(subscription);
    this.#count--;
    if (isKnown) this.#spread(subscription, { kind: 'left', tag, ...(will && { will }) });
    if (topic.subscriptions.size > 0) return;
    this.#topics.delete(channel);
    topic.heard.then(
      (stop) => {
        stop();
      },
      () => undefined,
    );
  }

  #topicOf(channel: TopicChannel): LocalTopic {
    const existing = this.#topics.get(channel);
    if (existing) return existing;
    const subscriptions = new Map<Subscription, boolean>();
    const heard = this.#bus.subscribe(channel, (message) => {
      const decoded = decodeSignal(message);
      if (!decoded || Buffer.compare(decoded.node, this.#node) === 0) return;
      for (const subscription of [...subscriptions.keys()]) subscription.hear(decoded.signal);
    });
    const topic = { subscriptions, heard };
    this.#topics.set(channel, topic);
    return topic;
  }

  #spread(from: Subscription, signal: TopicSignal): void {
    for (const subscription of [...(this.#topics.get(from.channel)?.subscriptions.keys() ?? [])]) {
      if (subscription !== from) subscription.hear(signal);
    }
    this.#bus.publish(from.channel, encodeSignal(this.#node, signal));
  }
}
