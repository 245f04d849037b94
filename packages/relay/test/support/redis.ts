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
  for (const { port } of servers) await joined(port);
  return {
    url: `redis+cluster://${addresses.join(',')}`,
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

async function joined(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  await eventually('the cluster', async () => {
    const info = await client.cluster('INFO');
    if (!info.includes('cluster_state:ok') || !info.includes('cluster_known_nodes:3')) throw new Error('not yet');
  });
  client.disconnect();
}
