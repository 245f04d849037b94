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

/** Deferred, so that it sleeps inside the commit, with all row locks held: what a slow disk does. Once per transaction. */
const SLOW_COMMIT = `
CREATE FUNCTION chaos_slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER chaos_slow_commit AFTER INSERT ON envelopes DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION chaos_slow_commit()`;

/** Relays on PostgreSQL (fsync on) and Redis, with proxies on every way between them. */
export class World {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly nodes: readonly Node[];
  readonly #databaseUrl: string;

  private constructor(postgres: PostgresServer, redis: RedisServer, databaseUrl: string, nodes: Node[]) {
    this.postgres = postgres;
    this.redis = redis;
    this.#databaseUrl = databaseUrl;
    this.nodes = nodes;
  }

  /** @param root of a checkout whose sources all nodes run at first */
  static async create(size: number, root = ROOT): Promise<World> {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const databaseUrl = await postgres.newDatabase();
    const nodes = await Promise.all(Array.from({ length: size }, () => newNode(databaseUrl, redis.url, root)));
    const world = new World(postgres, redis, databaseUrl, nodes);
    await world.#sql(SLOW_COMMIT);
    return world;
  }

  /** Every commit takes so long from now on. */
  async slowCommits(seconds: number): Promise<void> {
    const sleep = `IF current_setting('chaos.slept', true) IS DISTINCT FROM txid_current()::text THEN
      PERFORM pg_sleep(${seconds}), set_config('chaos.slept', txid_current()::text, true); END IF;`;
    await this.#sql(
      `CREATE OR REPLACE FUNCTION chaos_slow_commit() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN ${seconds > 0 ? sleep : ''} RETURN NULL; END $$`,
    );
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

  async #sql(text: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: this.#databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
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
