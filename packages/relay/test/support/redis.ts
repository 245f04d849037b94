import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { end, eventually, findProgram, freePort, run } from './servers.js';

const MISSING =
  'redis-server is not installed, so this cannot be tested here. Install it: apt-get install redis-server (Debian), or put redis-server 7 on PATH.';

export interface RedisServer {
  url: string;
  port: number;
  readonly pid: number;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT: its connections stand, and nothing answers. */
  freeze(): void;
  thaw(): void;
  remove(): Promise<void>;
}

/** A private Redis on a free port that keeps nothing on disk. */
export async function startRedis(extra: readonly string[] = []): Promise<RedisServer> {
  const program = findProgram('redis-server');
  if (!program) throw new Error(MISSING);
  const folder = mkdtempSync(join(tmpdir(), 'sotto-redis-'));
  const port = await freePort();
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
    ...extra,
  ];
  const launch = () => spawn(program, args, { stdio: 'ignore' });
  let child = launch();
  await ping(port);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    stop: () => end(child, 'SIGKILL'),
    async start() {
      child = launch();
      await ping(port);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async remove() {
      await end(child, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ping(port: number): Promise<void> {
  await eventually('Redis', async () => {
    const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.ping();
    } finally {
      client.disconnect();
    }
  });
}

export interface RedisCluster {
  /** `redis+cluster://host:port,...` */
  url: string;
  /** One for each shard. */
  servers: readonly RedisServer[];
  /** Index of the server to whose shard a channel or key belongs. */
  shardOf(name: string): Promise<number>;
  /** Resolves when the first server has noticed that another is away: from then on it refuses whatever concerns keys. */
  failing(): Promise<void>;
  /** Resolves when all of its servers know that none is missing. */
  whole(): Promise<void>;
  /** From now on it wants a password: resolves to the URL with it. */
  lock(password: string): Promise<string>;
  remove(): Promise<void>;
}

/** Three private servers that share the slots, without replicas. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-config-file'];
  const servers = await Promise.all([1, 2, 3].map((node) => startRedis([...options, `nodes-${node}.conf`])));
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  const cli = findProgram('redis-cli');
  if (!cli) throw new Error(MISSING);
  await run(cli, ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes']);
  const whole = async (): Promise<void> => {
    for (const { port } of servers) await stateOf(port, 'cluster_state:ok', 'cluster_known_nodes:3');
  };
  await whole();
  return {
    whole,
    url: `redis+cluster://${addresses.join(',')}`,
    servers,
    shardOf: (name) => shardOf(servers, name),
    failing: () => stateOf(servers[0]?.port ?? 0, 'cluster_state:fail'),
    async lock(password) {
      for (const { port } of servers) {
        const client = new Redis(port, '127.0.0.1');
        await client.config('SET', 'masterauth', password, 'requirepass', password);
        client.disconnect();
      }
      return `redis+cluster://:${encodeURIComponent(password)}@${addresses.join(',')}`;
    },
    async remove() {
      await Promise.all(servers.map((server) => server.remove()));
    },
  };
}

async function shardOf(servers: readonly RedisServer[], name: string): Promise<number> {
  const alive = await Promise.any(
    servers.map(async ({ port }) => {
      const client = new Redis(port, '127.0.0.1', {
        retryStrategy: null,
        maxRetriesPerRequest: 0,
        commandTimeout: 2_000,
      });
      client.on('error', () => undefined);
      try {
        return { slot: await client.cluster('KEYSLOT', name), slots: await client.cluster('SLOTS') };
      } finally {
        client.disconnect();
      }
    }),
  );
  const range = alive.slots.find(([first, last]) => alive.slot >= first && alive.slot <= last);
  return servers.findIndex(({ port }) => port === range?.[2]?.[1]);
}

async function stateOf(port: number, ...lines: string[]): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  await eventually(`the cluster: ${lines.join(', ')}`, async () => {
    const info = await client.cluster('INFO');
    if (!lines.every((line) => info.includes(line))) throw new Error('not yet');
  }).finally(() => {
    client.disconnect();
  });
}
