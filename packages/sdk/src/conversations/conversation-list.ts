import type { Aci } from '@sotto/protocol';

import type { ConversationRow, HistoryRows, MessageRow } from '../history/schema.js';
import type { Footprint } from '../storage/changes.js';
import { startingWith, type ReadTransaction } from '../storage/tables.js';
import type { ConversationSummary } from './types.js';

/** What the list starts with, and what one step adds. */
export const LIST_PAGE = 50;

/** What the list is read from. */
export const LIST_TABLES = ['conversations', 'messages', 'profiles'] as const;
export type ListTable = (typeof LIST_TABLES)[number];

type Transaction = ReadTransaction<Pick<HistoryRows, ListTable>>;

interface Entry {
  readonly id: string;
  readonly activity: number;
  /** Null while nobody knows the other user's name: not shown. */
  readonly summary: ConversationSummary | null;
}

interface Reading {
  readonly entries: readonly Entry[];
  readonly more: boolean;
}

/**
 * The most recently active conversations, kept up to date by what changed: a message costs the reading of one conversation,
 * not of all that are listed. Counts are derived from an index each time, never incremented.
 */
export class ConversationList {
  #entries: readonly Entry[] = [];
  #listed: number;
  /** Moves on with each extension: a reading that began before it must not undo it. */
  #generation = 0;
  /** Whether there are conversations beyond the listed ones. */
  #more = false;
  readonly #idOf: (user: Aci) => string;
  readonly #toMessage: (row: MessageRow, peer: string) => ConversationSummary['last'];

  /** @param idOf the conversation with a user */
  constructor(
    toMessage: (row: MessageRow, peer: string) => ConversationSummary['last'],
    idOf: (user: Aci) => string,
    listed = LIST_PAGE,
  ) {
    this.#toMessage = toMessage;
    this.#idOf = idOf;
    this.#listed = listed;
  }

  get hasMore(): boolean {
    return this.#more;
  }

  extend(count: number): void {
    this.#listed += Math.max(1, count);
    this.#generation++;
  }

  /** @param changes since the last call; null: anything */
  async read(transaction: Transaction, changes: Footprint | null): Promise<readonly ConversationSummary[]> {
    const generation = this.#generation;
    const ids = changes && changedIds(changes, this.#idOf);
    const { entries, more } = (ids && (await this.#updated(transaction, ids))) ?? (await this.#all(transaction));
    if (generation === this.#generation) {
      this.#entries = entries;
      this.#more = more;
    }
    return entries.flatMap(({ summary }) => summary ?? []);
  }

  async #all(transaction: Transaction): Promise<Reading> {
    const range = { index: 'activity', reverse: true, limit: this.#listed + 1 };
    const rows = await transaction.range('conversations', range);
    const entries = rows.slice(0, this.#listed).map((row) => this.#entry(transaction, row));
    return { entries: await Promise.all(entries), more: rows.length > this.#listed };
  }

  /** @returns null when a conversation that is not listed may have to take the place of one that moved down */
  async #updated(transaction: Transaction, ids: ReadonlySet<string>): Promise<Reading | null> {
    const [before, more, last] = [this.#entries, this.#more, this.#entries.at(-1)];
    const rows = await Promise.all([...ids].map((id) => transaction.get('conversations', [id])));
    const above = rows.filter((row) => row !== undefined).filter((row) => !more || (last && compare(row, last) <= 0));
    const fresh = await Promise.all(above.map((row) => this.#entry(transaction, row)));
    const entries = [...before.filter(({ id }) => !ids.has(id)), ...fresh].sort(compare);
    if (more && entries.length < this.#listed) return null;
    return { entries: entries.slice(0, this.#listed), more: more || entries.length > this.#listed };
  }

  async #entry(transaction: Transaction, { id, peer, peerAci, activity }: ConversationRow): Promise<Entry> {
    if (peer === null) return { id, activity, summary: null };
    const newest = { index: 'position', ...startingWith(id), reverse: true, limit: 1 };
    const [[last], unread, profile] = await Promise.all([
      transaction.range('messages', newest),
      transaction.count('messages', { index: 'unread', ...startingWith(id, 1) }),
      transaction.get('profiles', [peerAci]),
    ]);
    const name = profile?.name ?? null;
    return { id, activity, summary: { id, user: peer, name, last: last ? this.#toMessage(last, peer) : null, unread } };
  }
}

/** As the index orders them, backwards. */
function compare(a: Pick<Entry, 'activity' | 'id'>, b: Pick<Entry, 'activity' | 'id'>): number {
  return b.activity - a.activity || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/** Conversations that the changes touch; null: too many to name. */
function changedIds(changes: Footprint, idOf: (user: Aci) => string): ReadonlySet<string> | null {
  const ids = new Set<string>();
  for (const table of LIST_TABLES) {
    const touched = changes.get(table);
    if (touched === 'all') return null;
    for (const key of touched?.keys() ?? []) ids.add(table === 'profiles' ? idOf(String(key) as Aci) : String(key));
  }
  return ids;
}
