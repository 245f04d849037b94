import pg from 'pg';

import { StoreError } from '../store.js';
import { toStoreError, type Answered, type Line, type Param } from './driver.js';
import type { Present } from './postgres-present.js';
import { run, SESSION } from './postgres-query.js';

/**
 * Settings of the session that runs the write path. Planning its statements anew takes as long as running them, and would
 * change nothing: whatever is in the tables, every row is found by its key. A plan made while the tables are empty must not
 * read them from end to end when they are not.
 */
const LINE_SESSION = `${SESSION} -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off`;

/**
 * Commits a few bytes that mean nothing to anybody. The log is written in one order: when they are on disk, so is all that
 * was committed before.
 */
const FLUSH = "SELECT pg_logical_emit_message(true, 'sotto', '')";

const MOVED = 'the address leads to another PostgreSQL now';

/** The write path of one node: one connection for its statements, and one that waits for the disk meanwhile. */
export class PostgresLine implements Line {
  /** While one statement is run, one waits for the disk and the next is on its way: the database never waits for this process. */
  readonly depth = 3;
  readonly #statements: Connection;
  readonly #flushes: Connection;
  readonly #flushing = new WeakMap<pg.Client, Flush>();

  constructor(config: pg.ClientConfig, present: Present, answerMs: number) {
    // The server gives up a little earlier, if it can hear at all: then the connection lives on, and no lock stays behind.
    const limit = `-c statement_timeout=${Math.ceil(answerMs * 0.8)}`;
    this.#statements = new Connection({ ...config, options: `${LINE_SESSION} ${limit}` }, present, answerMs);
    this.#flushes = new Connection({ ...config, options: `${SESSION} ${limit}` }, present, answerMs);
  }

  query<Row>(text: string, params?: readonly Param[]): Promise<Row[]> {
    return this.#statements.query<Row>(text, params);
  }

  /**
   * A crash ends every connection, and when one opened meanwhile leads to another server this one is not used any more. So
   * what was committed after this one was opened, and before it answers, was not lost.
   */
  async durably<T>(work: (answered: Answered) => Promise<T>, matters?: (result: T) => boolean): Promise<T> {
    const client = await this.#flushes.open();
    const result = await work('in-order');
    if (matters?.(result) ?? true) await this.#flushOn(client).done();
    return result;
  }

  #flushOn(client: pg.Client): Flush {
    const known = this.#flushing.get(client);
    if (known) return known;
    const flush = new Flush(() => this.#flushes.on(client, FLUSH, []));
    this.#flushing.set(client, flush);
    return flush;
  }

  async close(): Promise<void> {
    await Promise.all([this.#statements.close(), this.#flushes.close()]);
  }
}

/** On one connection, one at a time: who asks meanwhile shares the next, as the one under way may have been too early. */
class Flush {
  readonly #work: () => Promise<unknown>;
  #current: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(work: () => Promise<unknown>) {
    this.#work = work;
  }

  done(): Promise<void> {
    return (this.#next ??= this.#current.then(async () => {
      this.#next = null;
      const flush = this.#work();
      this.#current = flush.catch(() => undefined);
      await flush;
    }));
  }
}

/**
 * One connection, opened when it is needed, on which statements follow each other without waiting for answers: the server
 * takes up the next one as soon as the last is committed, not when this process has come round to sending it. When one
 * has no answer in time the connection is given up, and with it all that were sent behind it.
 */
class Connection {
  readonly #config: pg.ClientConfig;
  readonly #present: Present;
  readonly #answerMs: number;
  #current: { client: pg.Client; ready: Promise<unknown> } | null = null;

  constructor(config: pg.ClientConfig, present: Present, answerMs: number) {
    this.#config = { ...config, pipeline: true };
    this.#present = present;
    this.#answerMs = answerMs;
  }

  async query<Row>(text: string, params?: readonly Param[]): Promise<Row[]> {
    return this.on(await this.open(), text, params);
  }

  /** Only on this one, which may be gone by now, or lead to a server that is not the present one any more. */
  on<Row>(client: pg.Client, text: string, params?: readonly Param[]): Promise<Row[]> {
    if (!this.#present.has(client)) return Promise.reject(new StoreError('unavailable', MOVED));
    return run<Row>(client, { text, params, timeoutMs: this.#answerMs }).catch((error: unknown) => {
      // The next statement must not follow this one into a connection that is being given up.
      if (isLost(error)) this.#forget(client);
      throw error;
    });
  }

  async open(): Promise<pg.Client> {
    const { client, ready } = (this.#current ??= this.#connect());
    try {
      await ready;
    } catch (error) {
      this.#leave(client);
      throw toStoreError(error);
    }
    if (this.#present.has(client)) return client;
    this.#leave(client);
    return this.open();
  }

  async close(): Promise<void> {
    const current = this.#current;
    await current?.ready.catch(() => undefined);
    await current?.client.end();
  }

  #connect(): { client: pg.Client; ready: Promise<unknown> } {
    const client = new pg.Client(this.#config);
    // What was under way is rejected, and says why; the next statement opens a new connection.
    client.on('error', () => undefined);
    client.on('end', () => {
      this.#forget(client);
    });
    return { client, ready: client.connect().then(() => this.#present.meet(client, this.#answerMs)) };
  }

  /** What is under way on it may still be answered. */
  #leave(client: pg.Client): void {
    if (this.#current?.client !== client) return;
    this.#current = null;
    void client.end();
  }

  #forget(client: pg.Client): void {
    if (this.#current?.client === client) this.#current = null;
  }
}

/** Nobody answered, or nobody can any more; what PostgreSQL itself says leaves the connection in order, or ends it. */
function isLost(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'unavailable' && !(error.cause instanceof pg.DatabaseError);
}
