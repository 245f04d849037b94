import pg from 'pg';

import { toError } from '../../errors.js';
import { StoreError } from '../store.js';
import { toStoreError, type Param, type Sql } from './driver.js';
import { PostgresLine } from './postgres-line.js';
import { Present } from './postgres-present.js';
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
  /** Of the pool; the line has one more. */
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
  const present = new Present();
  // The pool waits for it, which its types do not say.
  const welcome = { onConnect: (client: pg.ClientBase) => present.meet(client, answerMs) };
  const pool = new pg.Pool({ ...config, ...welcome, options: SESSION, max: connections });
  const line = new PostgresLine(config, present, answerMs);
  const connect = () => checkOut(pool, present);
  const patient = throughPool(connect, 0);
  let closing: Promise<void> | undefined;
  // An idle connection that dies must not end the process; the next query opens a new one.
  pool.on('error', onError);

  return {
    ...throughPool(connect, answerMs),
    patient,
    line,
    onMoved: (listener) => {
      present.onMoved(listener);
    },

    async script(text) {
      await patient.query(text);
    },

    close: () => (closing ??= atMost(CLOSE_MS, Promise.all([pool.end(), line.close()]))),
  };
}

/** A connection of the pool that leads to the present server. */
async function checkOut(pool: pg.Pool, present: Present): Promise<pg.PoolClient> {
  for (;;) {
    const client = await pool.connect().catch((error: unknown) => {
      throw toStoreError(error);
    });
    if (present.has(client)) return client;
    client.release(true);
  }
}

/** @param timeoutMs per statement; 0: no limit */
function throughPool(connect: () => Promise<pg.PoolClient>, timeoutMs: number): Pick<Sql, 'query' | 'transaction'> {
  return {
    query: <Row>(text: string, params?: readonly Param[]) =>
      onOne(connect, (client, giveUp) =>
        run<Row>(client, { text, params, timeoutMs }).catch((error: unknown) => {
          giveUp(error);
          throw error;
        }),
      ),

    transaction: (work) =>
      onOne(connect, async (client, giveUp) => {
        try {
          await run(client, { text: 'BEGIN', timeoutMs });
          const result = await work({ query: (text, params) => run(client, { text, params, timeoutMs }) });
          await run(client, { text: 'COMMIT', timeoutMs });
          return result;
        } catch (error) {
          // Whoever does not answer is not asked again: without its connection the transaction is over.
          if (error instanceof StoreError && error.code === 'unavailable') giveUp(error);
          else await run(client, { text: 'ROLLBACK', timeoutMs }).catch(giveUp);
          throw error;
        }
      }),
  };
}

/** Has a connection for itself while it works; one that it gives up is not used again. */
async function onOne<T>(
  connect: () => Promise<pg.PoolClient>,
  work: (client: pg.PoolClient, giveUp: (error: unknown) => void) => Promise<T>,
): Promise<T> {
  const client = await connect();
  let broken: Error | undefined;
  const giveUp = (error: unknown) => {
    broken ??= toError(error);
  };
  client.on('error', giveUp);
  try {
    return await work(client, giveUp);
  } finally {
    client.off('error', giveUp);
    client.release(broken);
  }
}

/** Resolves when the work is done, or has taken too long. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, patience]).finally(() => {
    clearTimeout(timer);
  });
}
