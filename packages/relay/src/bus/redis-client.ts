import { Redis, type Cluster, type ClusterOptions } from 'ioredis';

import { CalmCluster } from './calm-cluster.js';

const CLUSTER = /^redis(s?)\+cluster:\/\//;

/**
 * A Redis that has not answered for so long, or cannot be reached within it, is away. Without a limit every hello and every
 * request would wait for one that is silent, whose connection stands.
 */
export const SILENT_MS = 2_000;

const PATIENCE = { socketTimeout: SILENT_MS, connectTimeout: SILENT_MS };

/** What a shard that is away does not answer fails at once: the library would try for seconds, and everybody would wait. */
const AT_ONCE = { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 };

/**
 * A connection for commands. While Redis is away nothing is queued: the mailbox is the truth, and old rings help nobody.
 *
 * @param url `redis://`, `rediss://`, or `redis+cluster://[user:password@]host:port,host:port` (`rediss+cluster://` with TLS)
 */
export function commandClient(url: string): Redis | Cluster {
  if (CLUSTER.test(url)) return cluster(url, { enableOfflineQueue: false });
  return new Redis(url, { ...PATIENCE, lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
}

/** A connection for sharded subscriptions; after a reconnect it subscribes again by itself. */
export function subscriberClient(url: string): Redis | Cluster {
  if (CLUSTER.test(url)) return cluster(url, { shardedSubscribers: true });
  return new Redis(url, { ...PATIENCE, lazyConnect: true, autoResubscribe: true, maxRetriesPerRequest: null });
}

/**
 * Rejects when the first attempt fails, which the library's own promise does not where a cluster lacks a shard: it stays open
 * for ever. The client goes on trying.
 */
export function connected(client: Redis | Cluster): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('close', () => {
      reject(new Error('Redis is not ready.'));
    });
    client.connect().then(resolve, reject);
  });
}

function cluster(url: string, options: ClusterOptions): Cluster {
  const [scheme, tls] = CLUSTER.exec(url) ?? [''];
  const [first = '', ...others] = url.slice(scheme.length).split(',');
  const { username, password, host } = new URL(`redis://${first}`);
  return new CalmCluster([host, ...others].map(nodeOf), {
    ...options,
    ...AT_ONCE,
    lazyConnect: true,
    redisOptions: {
      ...PATIENCE,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      ...(tls === 's' && { tls: {} }),
    },
    // Certificates name hosts, not the addresses behind them.
    ...(tls === 's' && {
      dnsLookup: (address, found) => {
        found(null, address);
      },
    }),
  });
}

function nodeOf(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${address}`);
  return { host: hostname, port: Number(port || 6379) };
}
