import type pg from 'pg';

import { run } from './postgres-query.js';

/** One that was restarted is another one; so is a standby that has taken over. */
const SINCE = 'SELECT pg_postmaster_start_time()::text AS since';

/**
 * The PostgreSQL to which the address led when a connection was last opened. Connections to the one before may stand as if
 * nothing had happened, but must not be used: what is written there is not on this one, and what they have in their tables is
 * old.
 */
export class Present {
  #since: string | undefined;
  #known = new WeakSet<pg.ClientBase>();
  readonly #listeners: (() => void)[] = [];

  /** To be awaited for each connection before it is used. */
  async meet(client: pg.ClientBase, timeoutMs: number): Promise<void> {
    const [row] = await run<{ since: string }>(client, { text: SINCE, timeoutMs });
    const hasMoved = row?.since !== this.#since;
    const isFirst = this.#since === undefined;
    // Whoever led to another one is forgotten for good, also when the address moves back.
    if (hasMoved) this.#known = new WeakSet();
    this.#since = row?.since;
    this.#known.add(client);
    if (hasMoved && !isFirst) for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` whenever it is another one than before. */
  onMoved(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Whether this connection leads to it. */
  has(client: pg.ClientBase): boolean {
    return this.#known.has(client);
  }
}
