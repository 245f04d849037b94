import { Cluster, Redis } from 'ioredis';

const CLUSTER = 'redis+cluster://';

/**
 * A connection for commands. While Redis is away nothing is queued: the mailbox is the truth, and old rings help nobody.
 *
 * @param url `redis://`, `rediss://`, or `redis+cluster://host:port,host:port`
 */
export function commandClient(url: string): Redis | Cluster {
  if (url.startsWith(CLUSTER)) return new Cluster(nodesOf(url), { lazyConnect: true, enableOfflineQueue: false });
  return new Redis(url, { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
}

/** A connection for sharded subscriptions; after a reconnect it subscribes again by itself. */
export function subscriberClient(url: string): Redis | Cluster {
  if (url.startsWith(CLUSTER)) return new Cluster(nodesOf(url), { lazyConnect: true, shardedSubscribers: true });
  return new Redis(url, { lazyConnect: true, autoResubscribe: true, maxRetriesPerRequest: null });
}

function nodesOf(url: string): { host: string; port: number }[] {
  return url
    .slice(CLUSTER.length)
    .split(',')
    .map((address) => {
      const { hostname, port } = new URL(`redis://${address}`);
      return { host: hostname, port: Number(port || 6379) };
    });
}
