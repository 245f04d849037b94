import pg from 'pg';

import { StoreError } from '../store.js';
import { toStoreError, type Line, type Param } from './driver.js';
import type { Present } from './postgres-present.js';
import { run, SESSION } from './postgres-query.js';

/**
 * Settings of the session that runs the write path. Planning its statements anew takes as long as running them, and would
 * change nothing: whatever is in the tables, every row is found by its key. A plan made while the tables are empty must not
 * read them from end to end when they are not.
 */
const LINE_SESSION = `${SESSION} -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off`;

const MOVED = 'the address leads to another PostgreSQL now';

/**
 * The write path of one node: one connection, opened when it is needed, on which statements follow each other without waiting for
 * answers: the server takes up the next one as soon as the last is committed, not when this process has come round to sending
 * it. When one has no answer in time the connection is given up, and with it all that were sent behind it.
 */
export class PostgresLine implements Line {
  /** One is run while the next is on its way. With more each would be smaller, and none would be answered earlier. */
  readonly depth = 2;
  readonly #config: pg.ClientConfig;
  readonly #present: Present;
  readonly #answerMs: number;
  #current: { client: pg.Client; ready: Promise<unknown> } | null = null;

  constructor(config: pg.ClientConfig, present: Present, answerMs: number) {
    // The server gives up a statement a little earlier, if it can hear at all: then the connection lives on, and no lock stays.
    // Not a commit that waits for the disk: that one is over when the disk is there again.
    const limit = `-c statement_timeout=${Math.ceil(answerMs * 0.8)}`;
    this.#config = { ...config, options: `${LINE_SESSION} ${limit}`, pipeline: true };
    this.#present = present;
    this.#answerMs = answerMs;
  }

  async query<Row>(text: string, params?: readonly Param[]): Promise<Row[]> {
    const client = await this.#open();
    try {
      const rows = await run<Row>(client, { text, params, timeoutMs: this.#answerMs });
      // Whoever would be told of it would be told what the new one does not know.
      if (!this.#present.has(client)) throw new StoreError('unavailable', MOVED);
      return rows;
    } catch (error) {
      // The next statement must not follow this one into a connection that is being given up.
      if (isLost(error)) this.#forget(client);
      throw error;
    }
  }

  async close(): Promise<void> {
    const current = this.#current;
    await current?.ready.catch(() => undefined);
    await current?.client.end();
  }

  async #open(): Promise<pg.Client> {
    const { client, ready } = (this.#current ??= this.#connect());
    try {
      await ready;
    } catch (error) {
      this.#leave(client);
      throw toStoreError(error);
    }
    if (this.#present.has(client)) return client;
    this.#leave(client);
    return this.#open();
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
