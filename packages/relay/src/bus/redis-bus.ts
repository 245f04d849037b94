import type { EventEmitter } from 'node:events';

import type { Bus, Channel } from './bus.js';
import { commandClient, connected, SILENT_MS, subscriberClient } from './redis-client.js';
import { RedisSubscriptions } from './redis-subscriptions.js';

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
  const gapListeners = new Set<() => void>();
  for (const client of [publisher, subscriber]) client.on('error', onError);
  const announceGap = () => {
    for (const listener of gapListeners) listener();
  };

  const subscriptions = new RedisSubscriptions(subscriber, onError);
  // They go on trying. Whoever cannot connect now is as one that was lost.
  await Promise.all([publisher, subscriber].map((client) => connected(client).catch(onError)));
  // A `ready` that is not past: the connection was lost until now, and with it messages.
  subscriber.on('ready', announceGap);
  const stopWatching = watchShards(subscriber, () => {
    subscriptions.retry();
    return announceGap;
  });

  return {
    publish(channel, message) {
      publisher.spublish(nameOf(channel), Buffer.from(message)).catch(onError);
    },

    // One that is not made while Redis is away is made when it is back, and then a gap is announced.
    subscribe: (channel, listener) => subscriptions.add(nameOf(channel), listener),

    onGap: (listener) => void gapListeners.add(listener),

    async check() {
      await publisher.ping();
      if (subscriber.status !== 'ready') throw new Error('The subscription to Redis is not connected.');
    },

    close() {
      stopWatching();
      publisher.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}

/**
 * A cluster loses and finds single shards, of which its `ready` says nothing. `back` is called when all of them can be
 * reached after a change, and what it yields when they have had time to take the subscriptions: who does not answer within
 * that time loses the connection, and then all begins anew.
 *
 * @returns what ends it
 */
function watchShards(subscriber: EventEmitter, back: () => () => void): () => void {
  let isOneAway = false;
  let timer: NodeJS.Timeout | undefined;
  // The library says so of every shard that it cannot reach, and tries again.
  subscriber.on('error', () => {
    isOneAway = true;
  });
  subscriber.on('subscribersReady', () => {
    clearTimeout(timer);
    if (!isOneAway) timer = setTimeout(back(), SILENT_MS).unref();
    isOneAway = false;
  });
  return () => {
    clearTimeout(timer);
  };
}
