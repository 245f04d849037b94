import { createHash } from 'node:crypto';

import pg from 'pg';

import { toError } from '../../errors.js';
import { StoreError } from '../store.js';
import { toStoreError, type Line, type Param, type Sql } from './driver.js';

/** Names of prepared statements by their text; the texts are constants, so there are as many as in the source. */
const names = new Map<string, string>();

// Seqs and times stay far below 2^53.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * A statement that has no answer after this fails as `unavailable`, and its connection with it: PostgreSQL, or what lies
 * between, has fallen silent. Far longer than a checkpoint on a slow disk takes.
 */
const ANSWER_MS = 10_000;

const CONNECT_MS = 5_000;

/** For goodbyes, which nobody has to hear. */
const CLOSE_MS = 1_000;

/**
 * Settings of every session. A node that vanishes in the middle of a transaction must not keep its locks until the
 * system gives up the connection, which takes hours.
 */
const SESSION =
  '-c idle_in_transaction_session_timeout=30s -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

interface PostgresOptions {
  /** Of the pool; the line is one more. */
  connections: number;
  onError: (error: Error) => void;
  /** How long a statement may take, milliseconds; for tests. */
  answerMs?: number;
}

/** @param url `postgres://...` */
export function openPostgres(url: string, { connections, onError, answerMs = ANSWER_MS }: PostgresOptions): Sql {
  const config = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'sotto-relay',
    keepAlive: true,
    types,
  };
  const pool = new pg.Pool({ ...config, options: SESSION, max: connections });
  const line = new Pipeline(config, answerMs);
  let closing: Promise<void> | undefined;
  // An idle connection that dies must not end the process; the next query opens a new one.
  pool.on('error', onError);

  return {
    ...throughPool(pool, answerMs),
    patient: throughPool(pool, 0),
    line,

    async script(text) {
      await run(pool, { text, timeoutMs: 0 });
    },

    close: () => (closing ??= atMost(CLOSE_MS, Promise.all([pool.end(), line.close()]))),
  };
}

/** @param timeoutMs per statement; 0: no limit */
function throughPool(pool: pg.Pool, timeoutMs: number): Pick<Sql, 'query' | 'transaction'> {
  return {
    query: (text, params) => run(pool, { text, params, timeoutMs }),

    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw toStoreError(error);
      });
      let broken: Error | undefined;
      const onError = (error: Error) => {
        broken = error;
      };
      client.on('error', onError);
      try {
        await run(client, { text: 'BEGIN', timeoutMs });
        const result = await work({ query: (text, params) => run(client, { text, params, timeoutMs }) });
        await run(client, { text: 'COMMIT', timeoutMs });
        return result;
      } catch (error) {
        // Whoever does not answer is not asked again: without its connection the transaction is over.
        if (error instanceof StoreError && error.code === 'unavailable') broken ??= error;
        else
          await run(client, { text: 'ROLLBACK', timeoutMs }).catch((failure: unknown) => (broken = toError(failure)));
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },
  };
}

/**
 * Settings of the session that runs the write path. Planning its statements anew takes as long as running them, and would
 * change nothing: whatever is in the tables, every row is found by its key. A plan made while the tables are empty must not
 * read them from end to end when they are not.
 */
const LINE_SESSION = `${SESSION} -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off`;

/**
 * One connection, opened when it is needed, on which statements follow each other without waiting for answers: the server
 * takes up the next one as soon as the last is committed, not when this process has come round to sending it. When one
 * has no answer in time the connection is given up, and with it all that were sent behind it.
 */
class Pipeline implements Line {
  /** While one statement is committed the next is on its way, so that the database never waits for this process. */
  readonly depth = 2;
  readonly #config: pg.ClientConfig;
  readonly #answerMs: number;
  #client: Promise<pg.Client> | null = null;

  constructor(config: pg.ClientConfig, answerMs: number) {
    // The server gives up a little earlier, if it can hear at all: then the connection lives on, and no lock stays behind.
    const options = `${LINE_SESSION} -c statement_timeout=${Math.ceil(answerMs * 0.8)}`;
    this.#config = { ...config, options, pipeline: true };
    this.#answerMs = answerMs;
  }

  async query<Row>(text: string, params?: readonly Param[]): Promise<Row[]> {
    const opening = (this.#client ??= this.#open());
    let client: pg.Client;
    try {
      client = await opening;
    } catch (error) {
      this.#forget(opening);
      throw toStoreError(error);
    }
    return run<Row>(client, { text, params, timeoutMs: this.#answerMs }).catch((error: unknown) => {
      // The next statement must not follow this one into a connection that is being given up.
      if (isLost(error)) this.#forget(opening);
      throw error;
    });
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null);
    await client?.end();
  }

  #open(): Promise<pg.Client> {
    const client = new pg.Client(this.#config);
    const opening = client.connect().then(() => client);
    // What was under way is rejected, and says why; the next statement opens a new connection.
    client.on('error', () => undefined);
    client.on('end', () => {
      this.#forget(opening);
    });
    return opening;
  }

  #forget(opening: Promise<pg.Client>): void {
    if (this.#client === opening) this.#client = null;
  }
}

/** Nobody answered, or nobody can any more; what PostgreSQL itself says leaves the connection in order, or ends it. */
function isLost(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'unavailable' && !(error.cause instanceof pg.DatabaseError);
}

interface Statement {
  text: string;
  params?: readonly Param[] | undefined;
  /** 0: no limit. */
  timeoutMs: number;
}

async function run<Row>(target: pg.Pool | pg.ClientBase, { text, params, timeoutMs }: Statement): Promise<Row[]> {
  // node-postgres ends the connection of a statement that has no answer in time.
  const statement: TimedQuery = { text, query_timeout: timeoutMs };
  if (params) Object.assign(statement, { name: nameOf(text), values: [...params] });
  try {
    return (await target.query(statement)).rows as Row[];
  } catch (error) {
    throw toStoreError(error);
  }
}

/** The types do not know that a single query may have a limit of its own. */
type TimedQuery = pg.QueryConfig & { query_timeout: number };

/** Resolves when the work is done, or has taken too long. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, patience]).finally(() => {
    clearTimeout(timer);
  });
}

/**
 * Statements with parameters are prepared once per connection: parsing and planning the write path's took three times as
 * long as executing it for one message. Named by a hash of the text, so that nodes of two versions never mean different
 * statements by one name behind a pooler.
 */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `sotto_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
  names.set(text, name);
  return name;
}
