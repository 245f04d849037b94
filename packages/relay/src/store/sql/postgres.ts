import pg from 'pg';

import { toError } from '../../errors.js';
import { StoreError } from '../store.js';
import { toStoreError, type Sql } from './driver.js';
import { PostgresLine } from './postgres-line.js';
import { run, SESSION } from './postgres-query.js';

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

interface PostgresOptions {
  /** Of the pool; the line has two more. */
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
  const line = new PostgresLine(config, answerMs);
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

/** Resolves when the work is done, or has taken too long. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, patience]).finally(() => {
    clearTimeout(timer);
  });
}
