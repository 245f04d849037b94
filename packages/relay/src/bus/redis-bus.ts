import type { Bus, BusListener, Channel } from './bus.js';
import { commandClient, subscriberClient } from './redis-client.js';

/** Sharded pub/sub sends a channel to the server that owns its slot. */
const nameOf = (channel: Channel) => `sotto:${channel}`;

/**
 * The bus on Redis 7 sharded pub/sub: on a single server, or on a cluster, where every shard carries only its own
 * channels. Two connections: one that is subscribed can do nothing else.
 *
 * @param url see `redis-client.ts`
 */
export async function openRedisBus(url: string, onError: (error: unknown) => void): Promise<Bus> {
  const publisher = commandClient(url);
  const subscriber = subscriberClient(url);
  const channels = new Map<string, { listeners: Set<BusListener>; ready: Promise<unknown> }>();
  const gapListeners = new Set<() => void>();
  for (const client of [publisher, subscriber]) client.on('error', onError);

  subscriber.on('smessageBuffer', (channel: Buffer, message: Buffer) => {
    for (const listener of channels.get(channel.toString())?.listeners ?? []) listener(message);
  });
  const waiting = new Set<() => void>();
  subscriber.on('close', () => {
    for (const goOn of waiting) goOn();
    waiting.clear();
  });
  const unlessLost = (done: Promise<unknown>) =>
    new Promise<void>((resolve) => {
      waiting.add(resolve);
      void done.then(() => {
        waiting.delete(resolve);
        resolve();
      });
    });
  // They go on trying. Whoever cannot connect now is as one that was lost.
  await Promise.all([publisher.connect().catch(onError), subscriber.connect().catch(onError)]);
  // A `ready` that is not past: the connection was lost until now, and with it messages.
  subscriber.on('ready', () => {
    for (const listener of gapListeners) listener();
  });

  return {
    publish(channel, message) {
      publisher.spublish(nameOf(channel), Buffer.from(message)).catch(onError);
    },

    async subscribe(mailboxOrTopic, listener) {
      const name = nameOf(mailboxOrTopic);
      const channel = channels.get(name) ?? { listeners: new Set(), ready: subscriber.ssubscribe(name).catch(onError) };
      channels.set(name, channel);
      channel.listeners.add(listener);
      // While Redis is away nobody waits for it: the subscription is made when it is back, and then a gap is announced.
      if (subscriber.status === 'ready') await unlessLost(channel.ready);
      return () => {
        channel.listeners.delete(listener);
        if (channel.listeners.size > 0 || channels.get(name) !== channel) return;
        channels.delete(name);
        subscriber.sunsubscribe(name).catch(onError);
      };
    },

    onGap: (listener) => void gapListeners.add(listener),

    async check() {
      await publisher.ping();
      if (subscriber.status !== 'ready') throw new Error('The subscription to Redis is not connected.');
    },

    close() {
      publisher.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}
