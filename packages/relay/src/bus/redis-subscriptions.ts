import type { Cluster, Redis } from 'ioredis';

import type { BusListener } from './bus.js';

interface Subscribed {
  listeners: Set<BusListener>;
  /** Resolves when Redis has answered, whatever it said. */
  ready: Promise<unknown>;
}

/** What this node hears on Redis. What a shard that is away does not take is remembered, until it is asked for again. */
export class RedisSubscriptions {
  readonly #client: Redis | Cluster;
  readonly #onError: (error: unknown) => void;
  readonly #channels = new Map<string, Subscribed>();
  /** Not taken: subscriptions to be made, and to be ended. */
  readonly #unmade = new Set<string>();
  readonly #unended = new Set<string>();
  readonly #waiting = new Set<() => void>();

  constructor(client: Redis | Cluster, onError: (error: unknown) => void) {
    this.#client = client;
    this.#onError = onError;
    client.on('smessageBuffer', (channel: Buffer, message: Buffer) => {
      for (const listener of this.#channels.get(channel.toString())?.listeners ?? []) listener(message);
    });
    client.on('close', () => {
      for (const goOn of this.#waiting) goOn();
      this.#waiting.clear();
    });
  }

  /** Resolves when it is made; while Redis is away nobody waits for it. @returns what ends it */
  async add(name: string, listener: BusListener): Promise<() => void> {
    const channel = this.#channels.get(name) ?? { listeners: new Set(), ready: this.#make(name) };
    this.#channels.set(name, channel);
    channel.listeners.add(listener);
    if (this.#client.status === 'ready') await this.#unlessLost(channel.ready);
    return () => {
      channel.listeners.delete(listener);
      if (channel.listeners.size > 0 || this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      void this.#end(name);
    };
  }

  /** Asks again for all that was not taken. */
  retry(): void {
    for (const name of [...this.#unmade]) void this.#make(name);
    for (const name of [...this.#unended]) void this.#end(name);
  }

  #make(name: string): Promise<void> {
    this.#unended.delete(name);
    return this.#client.ssubscribe(name).then(
      () => void this.#unmade.delete(name),
      (error: unknown) => {
        if (this.#channels.has(name)) this.#unmade.add(name);
        this.#onError(error);
      },
    );
  }

  #end(name: string): Promise<void> {
    this.#unmade.delete(name);
    return this.#client.sunsubscribe(name).then(
      () => void this.#unended.delete(name),
      (error: unknown) => {
        if (!this.#channels.has(name)) this.#unended.add(name);
        this.#onError(error);
      },
    );
  }

  #unlessLost(done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      void done.then(() => {
        this.#waiting.delete(resolve);
        resolve();
      });
    });
  }
}
