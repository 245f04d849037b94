import { createHash } from 'node:crypto';

import pg from 'pg';

import { toStoreError, type Param, type Sql } from './driver.js';

/** Names of prepared statements by their text; the texts are constants, so there are as many as in the source. */
const names = new Map<string, string>();

// Seqs and times stay far below 2^53.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/** @param url `postgres://...` */
export function openPostgres(url: string, options: { connections: number; onError: (error: Error) => void }): Sql {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connections,
    connectionTimeoutMillis: 5_000,
    application_name: 'sotto-relay',
    types,
  });
  // An idle connection that dies must not end the process; the next query opens a new one.
  pool.on('error', options.onError);

  return {
    query: (text, params) => run(pool, text, params),

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

    close: () => pool.end(),
  };
}

async function run<Row>(target: pg.Pool | pg.PoolClient, text: string, params?: readonly Param[]): Promise<Row[]> {
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
