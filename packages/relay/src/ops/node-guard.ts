import { randomBytes } from 'node:crypto';

import pg from 'pg';

import { ConfigError } from '../config/config-error.js';

/** Advisory locks of this class: any number, the same in all relays. */
const LOCK_CLASS = 7_062_844;

/**
 * What a node holds as long as it lives, shared: its kind. `unproven`: it has a bus, which is away, so nobody knows whether it is
 * that of the others. `starting` is held, alone, by whoever looks at the others.
 */
const KIND = { starting: 0, alone: 1, withBus: 2, unproven: 3 } as const;

const RETRY_MS = 500;
const CHECK_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;

/** So that the lock of a machine that has vanished goes within half a minute, not after two hours. */
const KEEPALIVE = 'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3';

const NEIGHBOURS = `
SELECT DISTINCT objid::int AS kind FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = $1 AND objid <> ${KIND.starting} AND objsubid = 2
  AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** The bus cannot be asked for its name. */
class BusAway {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Where the Redis of a bus keeps its name; nodes on another Redis find another one, or none. */
export interface BusName {
  get(): Promise<string | null>;
  /** Only if there is none. */
  put(name: string): Promise<void>;
}

export interface NodeGuardOptions {
  databaseUrl: string;
  /** Null: this node is meant to be the only one. */
  busName: BusName | null;
  /** How long a starting node waits for another to go, milliseconds: a restart may overlap. */
  waitMs: number;
  onError: (error: unknown) => void;
}

/**
 * Nodes that share a database must hear each other, or devices on different nodes wait for each other's messages until
 * the next poll. Refuses to run beside a node without a bus, and beside nodes on another bus. While its bus is away it runs as one
 * whose bus went away later, and is looked at when the bus is back.
 *
 *     starting --no stranger--> guarding --connection lost, database moved--> starting again --a stranger was faster--> evicted
 *              --strangers, for `waitMs`--> `ConfigError`
 *              --bus away--> unproven --bus back--> starting again
 */
export class NodeGuard {
  /** Resolves when this node must stop, because another one took its place while the database was away. */
  readonly evicted: Promise<ConfigError>;
  readonly #options: NodeGuardOptions;
  #evict: (error: ConfigError) => void = () => undefined;
  #client: pg.Client | null = null;
  #busName: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #isUnproven = false;
  #isClosed = false;

  private constructor(options: NodeGuardOptions) {
    this.#options = options;
    this.evicted = new Promise((resolve) => (this.#evict = resolve));
  }

  /** Rejects with `ConfigError`, or because the database cannot be reached. */
  static async start(options: NodeGuardOptions): Promise<NodeGuard> {
    const guard = new NodeGuard(options);
    try {
      await guard.#enter(Date.now() + options.waitMs);
    } catch (error) {
      await guard.close();
      throw error;
    }
    guard.#watch(CHECK_MS);
    return guard;
  }

  /** The database is on another server now: what is held at the old one means nothing to the nodes there. */
  moved(): void {
    // An old server that says nothing any more is not waited for.
    void this.#drop();
    // A check that is under way notices by itself.
    if (!this.#isChecking) this.#watch(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#drop();
  }

  #watch(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#isChecking = true;
      void this.#check().then((next) => {
        this.#isChecking = false;
        if (next !== null) this.#watch(next);
      });
    }, ms).unref();
  }

  /** @returns when to look again, milliseconds; null: never */
  async #check(): Promise<number | null> {
    const { onError, waitMs, busName } = this.#options;
    try {
      if (this.#client && !(this.#isUnproven && (await this.#hasBus()))) await this.#client.query('SELECT 1');
      else await this.#enter(Date.now() + waitMs);
    } catch (error) {
      if (this.#isClosed) return null;
      onError(error);
      await this.#drop();
      if (!(error instanceof ConfigError)) return RETRY_MS;
      this.#evict(error);
      return null;
    }
    // A Redis that was emptied has its name again before another node asks for it.
    if (this.#busName !== null) await busName?.put(this.#busName).catch(onError);
    return CHECK_MS;
  }

  async #hasBus(): Promise<boolean> {
    return (
      this.#options.busName?.get().then(
        () => true,
        () => false,
      ) ?? false
    );
  }

  async #enter(deadline: number): Promise<void> {
    const client = await this.#connect();
    for (;;) {
      const obstacle = await this.#tryEnter(client);
      if (obstacle === null) return;
      if (Date.now() >= deadline) throw new ConfigError(obstacle);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** @returns what stands in the way, or null */
  async #tryEnter(client: pg.Client): Promise<string | null> {
    await client.query('SELECT pg_advisory_lock($1, $2)', [LOCK_CLASS, KIND.starting]);
    try {
      const { rows } = await client.query<{ kind: number }>(NEIGHBOURS, [LOCK_CLASS]);
      const obstacle = await this.#obstacle(client, new Set(rows.map(({ kind }) => kind)));
      if (obstacle instanceof BusAway) this.#options.onError(obstacle.cause);
      else if (obstacle !== null) return obstacle;
      this.#isUnproven = obstacle !== null;
      await client.query('SELECT pg_advisory_lock_shared($1, $2)', [LOCK_CLASS, this.#kind]);
      return null;
    } finally {
      await client.query('SELECT pg_advisory_unlock($1, $2)', [LOCK_CLASS, KIND.starting]);
    }
  }

  get #kind(): number {
    if (this.#isUnproven) return KIND.unproven;
    return this.#options.busName ? KIND.withBus : KIND.alone;
  }

  async #obstacle(client: pg.Client, neighbours: ReadonlySet<number>): Promise<string | BusAway | null> {
    const { busName } = this.#options;
    if (neighbours.has(KIND.alone)) {
      return busName
        ? 'A relay without REDIS_URL runs on this database. Stop it, or give it the same REDIS_URL.'
        : 'Another relay runs on this database, and without REDIS_URL two of them cannot reach each other. Stop it, or give both the same REDIS_URL.';
    }
    if (!busName) {
      return neighbours.size > 0 ? 'Other relays on this database use Redis. Give this one the same REDIS_URL.' : null;
    }
    const name = this.#busName ?? (await busName.get().catch((error: unknown) => new BusAway(error)));
    if (name instanceof BusAway) return name;
    if (!neighbours.has(KIND.withBus)) return this.#found(client, busName, name ?? randomBytes(16).toString('hex'));
    const { rows } = await client.query<{ value: Buffer }>("SELECT value FROM settings WHERE name = 'bus-name'");
    if (name === null || rows[0]?.value.toString() !== name) {
      return 'Other relays on this database use another Redis. Give all of them the same REDIS_URL.';
    }
    this.#busName = name;
    return null;
  }

  /** The first node of all, or the first that has reached its bus, says what the bus is called. */
  async #found(client: pg.Client, busName: BusName, name: string): Promise<BusAway | null> {
    const away = await busName.put(name).then(
      () => null,
      (error: unknown) => new BusAway(error),
    );
    // Without a name that was known before there is nothing to go on with.
    if (away && this.#busName === null) return away;
    await client.query(
      "INSERT INTO settings (name, value) VALUES ('bus-name', $1) ON CONFLICT (name) DO UPDATE SET value = $1",
      [Buffer.from(name)],
    );
    this.#busName = name;
    return null;
  }

  async #connect(): Promise<pg.Client> {
    await this.#drop();
    const client = new pg.Client({
      connectionString: this.#options.databaseUrl,
      application_name: 'sotto-relay-guard',
      keepAlive: true,
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
    });
    const lost = () => {
      if (this.#client !== client) return;
      this.#client = null;
      if (!this.#isChecking) this.#watch(RETRY_MS);
    };
    client.on('error', lost);
    client.on('end', lost);
    await client.connect();
    this.#client = client;
    await client.query(KEEPALIVE);
    return client;
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }
}
