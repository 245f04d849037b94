import { toBase64Url, type Join, type Leave, type PlainReply, type Publish } from '@sotto/protocol';

import type { SocketHandlers } from '../../src/network/relay-port.js';

interface Subscription {
  readonly topic: Uint8Array;
  readonly tag: Uint8Array;
}

/** The topics of the fake relay: nothing is stored, and a test can keep, repeat and forge. */
export class FakeTopics {
  /** All that was published, for the test to look at. */
  readonly published: Publish[] = [];
  /** What is kept from the others is given back to the test in `published` only. */
  withhold: (publish: Publish, from: SocketHandlers) => boolean = () => false;
  readonly #topics = new Map<string, Map<SocketHandlers, Subscription>>();

  /** Ids of the topics that somebody has joined. */
  get joined(): Uint8Array[] {
    return [...this.#topics.values()].flatMap((members) => [...members.values()].slice(0, 1).map(({ topic }) => topic));
  }

  /** How many sockets are on any topic: around midnight each is on two. */
  get members(): number {
    return new Set([...this.#topics.values()].flatMap((members) => [...members.keys()])).size;
  }

  join({ topic, tag }: Join, from: SocketHandlers): PlainReply {
    const key = toBase64Url(topic);
    const members = this.#topics.get(key) ?? new Map<SocketHandlers, Subscription>();
    this.#topics.set(key, members);
    members.set(from, { topic, tag });
    this.#tell(key, from, (other) => other.onTopic({ type: 'joined', topic, tag }));
    return { ok: true };
  }

  leave({ topic }: Leave, from: SocketHandlers): PlainReply {
    const key = toBase64Url(topic);
    const subscription = this.#topics.get(key)?.get(from);
    if (subscription) this.#end(key, from, subscription);
    return { ok: true };
  }

  publish(publish: Publish, from: SocketHandlers): PlainReply {
    this.published.push(publish);
    if (!this.withhold(publish, from)) this.deliver(publish, from);
    return { ok: true };
  }

  /** To everybody who has joined, as the relay could at any time. */
  deliver({ topic, payload }: Publish, except: SocketHandlers | null = null): void {
    this.#tell(toBase64Url(topic), except, (other) => other.onTopic({ type: 'message', topic, payload }));
  }

  /** A socket has gone. @param silently as when a relay node dies */
  gone(handlers: SocketHandlers, silently = false): void {
    for (const [key, members] of this.#topics) {
      const subscription = members.get(handlers);
      if (subscription && silently) members.delete(handlers);
      else if (subscription) this.#end(key, handlers, subscription);
    }
  }

  /** Says that all subscriptions but the hearer's own have ended. */
  sayLeft(): void {
    for (const [key, members] of this.#topics) {
      for (const [handlers, { topic, tag }] of members)
        this.#tell(key, handlers, (other) => other.onTopic({ type: 'left', topic, tag }));
    }
  }

  #end(key: string, handlers: SocketHandlers, { topic, tag }: Subscription): void {
    this.#topics.get(key)?.delete(handlers);
    this.#tell(key, handlers, (other) => other.onTopic({ type: 'left', topic, tag }));
  }

  #tell(key: string, except: SocketHandlers | null, what: (other: SocketHandlers) => void): void {
    for (const other of this.#topics.get(key)?.keys() ?? []) {
      if (other !== except) queueMicrotask(() => what(other));
    }
  }
}
