import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startPostgres, startRedis } from '@sotto/relay/testing';

/** `embedded`: one relay on PGlite. `cluster`: two relays on PostgreSQL and Redis. */
export type Setup = 'embedded' | 'cluster';

/** The stores below the relays. */
export interface Backend {
  /** Settings of each relay node. */
  readonly nodes: readonly Record<string, string>[];
  /** Null with `embedded`. */
  readonly servers: { readonly databaseUrl: string; readonly redisUrl: string } | null;
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
  const node = { DATABASE_URL: databaseUrl, REDIS_URL: redis.url };
  return {
    nodes: [node, node],
    servers: { databaseUrl, redisUrl: redis.url },
    folder: null,
    stop: async () => {
      await Promise.all([postgres.remove(), redis.remove()]);
    },
  };
}
