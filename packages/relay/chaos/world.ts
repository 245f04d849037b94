import pg from 'pg';

import { mailboxId } from '../src/mailbox/mailbox-id.js';
import type { TestDevice } from '../test/support/device.js';
import { startPostgres, type PostgresServer } from '../test/support/postgres.js';
import { ROOT, startRelayProcess, type RelayProcess } from '../test/support/process.js';
import { TcpProxy } from '../test/support/proxy.js';
import { startRedis, type RedisServer } from '../test/support/redis.js';

/** One node with all its ways: from the clients, to PostgreSQL and to Redis. Each can be cut on its own. */
export interface Node {
  process: RelayProcess;
  /** Of the checkout whose sources it runs. */
  root: string;
  readonly environment: Record<string, string>;
  /** What a load balancer is: clients keep the address while the process behind it changes. */
  readonly front: TcpProxy;
  readonly toDatabase: TcpProxy;
  readonly toRedis: TcpProxy;
}

/**
 * The clock that a relay asks (`Store.time`) can be set, without root and without a library under PostgreSQL: on the path of
 * this database a function of the same name comes before the system's. `public` comes first, as tables are made there.
 */
const settableClock = (database: string) => `
CREATE TABLE chaos_clock (ahead interval NOT NULL);
INSERT INTO chaos_clock VALUES ('0');
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  $$ SELECT pg_catalog.clock_timestamp() + ahead FROM public.chaos_clock $$;
ALTER DATABASE ${database} SET search_path = public, pg_catalog`;

/** Relays on PostgreSQL (fsync on) and Redis, with proxies on every way between them. */
export class World {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly nodes: readonly Node[];
  readonly databaseUrl: string;

  private constructor(postgres: PostgresServer, redis: RedisServer, databaseUrl: string, nodes: Node[]) {
    this.postgres = postgres;
    this.redis = redis;
    this.databaseUrl = databaseUrl;
    this.nodes = nodes;
  }

  /** @param root of a checkout whose sources all nodes run at first */
  static async create(size: number, root = ROOT): Promise<World> {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const databaseUrl = await postgres.newDatabase();
    await query(databaseUrl, settableClock(new URL(databaseUrl).pathname.slice(1)));
    const nodes = await Promise.all(Array.from({ length: size }, () => newNode(databaseUrl, redis.url, root)));
    return new World(postgres, redis, databaseUrl, nodes);
  }

  /** PostgreSQL's clock is so far from the real one from now on, milliseconds; nodes notice when they ask it again. */
  async setDatabaseClock(offset: number): Promise<void> {
    await this.#sql(`UPDATE chaos_clock SET ahead = interval '1 ms' * ${offset}`);
  }

  /**
   * Each flush of the log takes so much longer from now on, 100 ms at most; 0: as long as it takes. It is where PostgreSQL waits
   * for others that commit: a transaction in it holds its locks, and one that does not wait for the disk passes.
   */
  async slowFlushes(ms: number): Promise<void> {
    await this.#configure(
      ms > 0
        ? { commit_delay: String(ms * 1_000), commit_siblings: '0' }
        : { commit_delay: null, commit_siblings: null },
    );
  }

  /**
   * From now on a commit that waits for the disk does not return, and holds its locks, until this is called with `false`: it
   * waits for a standby that does not exist.
   */
  async stallCommits(isStalled: boolean): Promise<void> {
    await this.#configure({ synchronous_standby_names: isStalled ? 'nobody' : null });
  }

  /** Changes settings of the server; null: as they were. Commits nothing, so it never waits for what it has changed. */
  async #configure(settings: Record<string, string | null>): Promise<void> {
    for (const [name, value] of Object.entries(settings))
      await this.#sql(value === null ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = '${value}'`);
    await this.#sql('SELECT pg_reload_conf()');
  }

  /**
   * A node is replaced as in a deploy: the new one is ready before the old one is told to go. Resolves to the old one's exit
   * code.
   */
  async deploy(node: Node, root = node.root): Promise<number | null> {
    const old = node.process;
    node.process = await startRelayProcess(node.environment, { jumpingClock: true, root });
    node.root = root;
    node.front.retarget({ host: '127.0.0.1', port: node.process.port });
    return old.stop();
  }

  /** What the mailbox of a device holds. */
  async held(device: TestDevice): Promise<{ seq: number; id: Buffer; payload: Buffer }[]> {
    const rows = await this.#sql(
      `SELECT e.seq::int, e.id, coalesce(e.payload, p.bytes) AS payload
       FROM envelopes e LEFT JOIN payloads p ON p.app = e.app AND p.payload = e.shared
       WHERE e.mailbox = '${mailboxId(device.app, device)}' ORDER BY e.seq`,
    );
    return rows as { seq: number; id: Buffer; payload: Buffer }[];
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process.kill()));
    await Promise.all(
      this.nodes.flatMap(({ front, toDatabase, toRedis }) => [front, toDatabase, toRedis].map((each) => each.stop())),
    );
    await Promise.all([this.postgres.remove(), this.redis.remove()]);
  }

  #sql(text: string): Promise<unknown[]> {
    return query(this.databaseUrl, text);
  }
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function newNode(databaseUrl: string, redisUrl: string, root: string): Promise<Node> {
  const [toDatabase, toRedis] = await Promise.all([proxyOf(databaseUrl), proxyOf(redisUrl)]);
  const environment = {
    DATABASE_URL: through(toDatabase, databaseUrl),
    REDIS_URL: through(toRedis, redisUrl),
    // So often that a clock that jumps meets it.
    SOTTO_SWEEP_SECONDS: '2',
  };
  const process = await startRelayProcess(environment, { jumpingClock: true, root });
  const front = await new TcpProxy({ host: '127.0.0.1', port: process.port }).listen();
  return { process, root, environment, front, toDatabase, toRedis };
}

function proxyOf(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return new TcpProxy({ host: hostname, port: Number(port) }).listen();
}

/** The same URL by way of the proxy. */
function through(proxy: TcpProxy, url: string): string {
  return url.replace(`:${new URL(url).port}`, `:${proxy.port}`);
}
