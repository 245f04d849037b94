import { createHash } from 'node:crypto';

import type pg from 'pg';

import { toStoreError, type Param } from './driver.js';

/** Names of prepared statements by their text; the texts are constants, so there are as many as in the source. */
const names = new Map<string, string>();

/**
 * Settings of every session. A node that vanishes in the middle of a transaction must not keep its locks until the
 * system gives up the connection, which takes hours.
 */
export const SESSION =
  '-c idle_in_transaction_session_timeout=30s -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

export interface Statement {
  text: string;
  params?: readonly Param[] | undefined;
  /** 0: no limit. */
  timeoutMs: number;
}

export async function run<Row>(
  target: pg.Pool | pg.ClientBase,
  { text, params, timeoutMs }: Statement,
): Promise<Row[]> {
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
