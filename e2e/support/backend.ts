import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startPostgres, startRedis } from '@sotto/relay/testing';

import { TcpProxy } from './proxy.js';

/** `embedded`: one relay on PGlite. `cluster`: two relays on PostgreSQL and Redis. */
export type Setup = 'embedded' | 'cluster';

/** PostgreSQL and Redis below a cluster, and the ways from the relays to them, which can be cut. */
export interface Servers {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly toDatabase: TcpProxy;
  readonly toRedis: TcpProxy;
}

/** The stores below the relays. */
export interface Backend {
  /** Settings of each relay node. */
  readonly nodes: readonly Record<string, string>[];
  /** Null with `embedded`. */
  readonly servers: Servers | null;
  /** Of the embedded database; null with `cluster`. */
  readonly folder: string | null;
  stop(): Promise<void>;
}

export async function startBackend(setup: Setup): Promise<Backend> {
  return setup === 'embedded' ? embedded() : cluster();
}

function embedded(): Backend {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-e2e-'));
  return {
    nodes: [{ SOTTO_DATA: folder }],
    servers: null,
    folder,
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function cluster(): Promise<Backend> {
  const postgres = await startPostgres();
  const redis = await startRedis().catch(async (error: unknown) => {
    await postgres.remove();
    throw error;
  });
  const databaseUrl = await postgres.newDatabase();
  const toDatabase = await proxyOf(databaseUrl);
  const toRedis = await proxyOf(redis.url);
  const node = { DATABASE_URL: through(toDatabase, databaseUrl), REDIS_URL: through(toRedis, redis.url) };
  return {
    nodes: [node, node],
    servers: { databaseUrl, redisUrl: redis.url, toDatabase, toRedis },
    folder: null,
    stop: async () => {
      await Promise.all([toDatabase.stop(), toRedis.stop()]);
      await Promise.all([postgres.remove(), redis.remove()]);
    },
  };
}

function proxyOf(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return TcpProxy.start({ host: hostname, port: Number(port) });
}

/** The same URL by way of the proxy. */
function through(proxy: TcpProxy, url: string): string {
  const { port } = new URL(url);
  return url.replace(`:${port}`, `:${proxy.port}`);
}
