import { createHash } from 'node:crypto';

import pg from 'pg';

import { toStoreError, type Param, type Queryable, type Sql } from './driver.js';

/** Names of prepared statements by their text; the texts are constants, so there are as many as in the source. */
const names = new Map<string, string>();

// Seqs and times stay far below 2^53.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/** @param url `postgres://...` */
export function openPostgres(url: string, options: { connections: number; onError: (error: Error) => void }): Sql {
  const config = { connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'sotto-relay', types };
  const pool = new pg.Pool({ ...config, max: options.connections });
  const line = new Pipeline(config);
  // An idle connection that dies must not end the process; the next query opens a new one.
  pool.on('error', options.onError);

  return {
    query: (text, params) => run(pool, text, params),
    line,

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
        await run(client, 'BEGIN');
        const result = await work({ query: (text, params) => run(client, text, params) });
        await run(client, 'COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((failure: unknown) => {
          broken = failure instanceof Error ? failure : new Error(String(failure));
        });
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },

    async script(text) {
      await run(pool, text);
    },

    async close() {
      await Promise.all([pool.end(), line.close()]);
    },
  };
}

/**
 * Settings of the session that runs the write path. Planning its statements anew takes as long as running them, and would
 * change nothing: whatever is in the tables, every row is found by its key. A plan made while the tables are empty must not
 * read them from end to end when they are not.
 */
const LINE_OPTIONS = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off';

/**
 * One connection, opened when it is needed, on which statements follow each other without waiting for answers: the server
 * takes up the next one as soon as the last is committed, not when this process has come round to sending it.
 */
class Pipeline implements Queryable {
  readonly #config: pg.ClientConfig;
  #client: Promise<pg.Client> | null = null;

  constructor(config: pg.ClientConfig) {
    this.#config = config;
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
    return run(client, text, params);
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null);
    await client?.end();
  }

  #open(): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#config, pipeline: true, options: LINE_OPTIONS });
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

async function run<Row>(target: pg.Pool | pg.ClientBase, text: string, params?: readonly Param[]): Promise<Row[]> {
  try {
    const result = await (params
      ? target.query({ name: nameOf(text), text, values: [...params] })
      : target.query(text));
    return result.rows as Row[];
  } catch (error) {
    throw toStoreError(error);
  }
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
