import type { Aci } from '@sotto/protocol';

import type { UndecryptableCause } from '../history/message-state.js';
import type { DeviceRef } from '../history/schema.js';
import type { WriteTransaction } from '../storage/tables.js';
import type { RepairRow, VaultRows } from '../vault/schema.js';
import type { EngineContext } from './context.js';
import type { Opened } from './open.js';

/** A fresh session with one device at most this often: a peer whose envelopes stay unreadable costs one key an hour. */
const FRESH_EVERY_MS = 60 * 60 * 1000;

/** Requests under fresh sessions while nothing at all can be decrypted; then only a readable message revives it. */
const MAX_ASKS = 3;

/** How long a request waits that may not be made any more: something readable wakes it before. */
const HOLD_MS = 24 * 60 * 60 * 1000;

/** What asking again can mend. The others are the sender's doing, or a repeat: they would come back the same. */
const ASKED: ReadonlySet<UndecryptableCause> = new Set([
  'no-session',
  'bad-ciphertext',
  'prekey-missing',
  'malformed-envelope',
]);

export function isAsked(cause: UndecryptableCause): boolean {
  return ASKED.has(cause);
}

/** How a request to a device may go out now; `counted`: it is one of those that end when nothing readable comes. */
export type RepairPlan =
  { readonly session: 'current' | 'fresh'; readonly counted: boolean } | { readonly waitMs: number };

/**
 * Keeps what went wrong with which device, so that asking again ends:
 *
 *   sound --unreadable--> broken, asks 0 --request, fresh session--> broken, asks 1 --an hour--> ... asks 3: silence
 *     ^                                                                                               |
 *     +------------------------------------ anything readable ---------------------------------------+
 *
 * A sound session is used as it is: one that decrypted something since the failure is never put aside for a fresh one. Nor is
 * one, for an hour, that was itself begun to ask and has been answered: what is unreadable then was damaged, or sealed under an
 * older one.
 */
export class Repairs {
  #rows: Map<string, RepairRow> | null = null;
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** The rows that a batch changes. */
  async after(opened: readonly Opened[]): Promise<RepairRow[]> {
    const rows = await this.#load();
    const changed = new Map<string, RepairRow>();
    for (const one of opened) {
      const { user, device, registration } = one.envelope;
      const key = `${user}.${device}`;
      const row = changed.get(key) ?? rows.get(key);
      const failed = one.kind === 'failed' && isAsked(one.cause);
      if (failed && row?.sound !== 0)
        changed.set(key, { user, device, registration, asks: 0, askedAt: 0, ...row, sound: 0 });
      if (one.kind === 'content' && row?.sound === 0) changed.set(key, { ...row, sound: 1, asks: 0 });
    }
    return [...changed.values()];
  }

  /** After the transaction that stored them. */
  settle(changed: readonly RepairRow[]): void {
    for (const row of changed) this.#rows?.set(`${row.user}.${row.device}`, row);
  }

  forget(): void {
    this.#rows = null;
  }

  async plan({ user, device }: DeviceRef): Promise<RepairPlan> {
    const row = (await this.#load()).get(`${user}.${device}`);
    if (row?.sound !== 0) return { session: 'current', counted: false };
    if (row.asks >= MAX_ASKS) return { waitMs: HOLD_MS };
    const since = this.#context.clock.now() - row.askedAt;
    // A clock that went back must not hold a request for ever.
    if (since < 0 || since >= FRESH_EVERY_MS) return { session: 'fresh', counted: true };
    return row.asks === 0 ? { session: 'current', counted: true } : { waitMs: FRESH_EVERY_MS - since };
  }

  /**
   * In the transaction that stores a request that counts.
   *
   * @returns the row to {@link settle}; null where something readable has come meanwhile, so that the session is sound again
   */
  async asked(
    transaction: WriteTransaction<Pick<VaultRows, 'repairs'>>,
    { user, device, registration }: { user: Aci; device: number; registration: number },
    isFresh: boolean,
  ): Promise<RepairRow | null> {
    const row = await transaction.get('repairs', [user, device]);
    if (!isFresh && row?.sound !== 0) return null;
    const askedAt = isFresh ? this.#context.clock.now() : (row?.askedAt ?? 0);
    const next: RepairRow = { user, device, registration, sound: 0, asks: (row?.asks ?? 0) + 1, askedAt };
    await transaction.put('repairs', next);
    return next;
  }

  async #load(): Promise<Map<string, RepairRow>> {
    if (this.#rows) return this.#rows;
    const rows = await this.#context.vault.read(['repairs'], (transaction) => transaction.range('repairs'));
    this.#rows = new Map(rows.map((row) => [`${row.user}.${row.device}`, row]));
    return this.#rows;
  }
}
