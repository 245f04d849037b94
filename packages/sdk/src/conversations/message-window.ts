import type { LiveQuery } from '../history/live-query.js';
import { LiveValue } from '../history/live-value.js';
import type { HistoryRows, MessageRow } from '../history/schema.js';
import { keysTouched, type Footprint } from '../storage/changes.js';
import type { Key, ReadTransaction } from '../storage/tables.js';
import { compareKeys } from '../storage/key-order.js';
import type { Front } from './front.js';
import { parseMessageKey } from './to-message.js';
import type { Edges, JumpTarget, Message } from './types.js';

/** What a window starts with, and what one step adds: two or three screens. */
export const WINDOW_PAGE = 50;

/** Messages in a window at most; whoever goes on in one direction leaves them behind in the other. */
export const WINDOW_MAX = 500;

type Transaction = ReadTransaction<Pick<HistoryRows, 'messages'>>;
type Position = Pick<MessageRow, 'hlc' | 'id'>;

/** The newest `count`, or what lies between two positions (both included). */
type Extent =
  | { readonly at: 'newest'; readonly count: number }
  | { readonly at: 'past'; readonly from: Position; readonly to: Position };

interface Page {
  readonly rows: readonly MessageRow[];
  readonly edges: Edges;
}

/**
 * What a tab sees of a conversation: a bounded stretch of it, in order. It follows the newest messages until somebody goes
 * back further than it is long, and again when they come back.
 */
export class MessageWindow {
  readonly messages: LiveQuery<'messages', readonly Message[]>;
  /** Set together with `messages`, before it. */
  readonly edges = new LiveValue<Edges>({ earlier: false, later: false });
  #extent: Extent = { at: 'newest', count: WINDOW_PAGE };
  /** The last answer, and of which extent it is. */
  #last: { readonly extent: Extent; readonly page: Page } | null = null;
  readonly #front: Front;
  readonly #id: string;

  /** @param show what people see of a row */
  constructor(front: Front, conversation: string, show: (row: MessageRow) => Message) {
    this.#front = front;
    this.#id = conversation;
    const shown = new WeakMap<MessageRow, Message>();
    const showOnce = (row: MessageRow): Message => {
      const message = shown.get(row) ?? show(row);
      shown.set(row, message);
      return message;
    };
    this.messages = front.live(['messages'], [], async (transaction, changes): Promise<readonly Message[]> => {
      const extent = this.#extent;
      const page = (changes && (await this.#update(transaction, changes))) ?? (await this.#read(transaction));
      this.#last = { extent, page };
      const { rows, edges } = page;
      const known = this.edges.get();
      if (known.earlier !== edges.earlier || known.later !== edges.later) this.edges.set(edges);
      return rows.map(showOnce);
    });
  }

  loadEarlier(count: number): Promise<boolean> {
    return this.#extend(async (transaction, { rows, edges }) => {
      const [first] = rows;
      if (!first || !edges.earlier) return null;
      const limit = step(count);
      const found = await transaction.range('messages', { ...this.#before(first), limit: limit + 1 });
      const all = [...found.slice(0, limit).reverse(), ...rows];
      const later = edges.later || all.length > WINDOW_MAX;
      return { rows: all.slice(0, WINDOW_MAX), edges: { earlier: found.length > limit, later } };
    });
  }

  loadLater(count: number): Promise<boolean> {
    return this.#extend(async (transaction, { rows, edges }) => {
      const last = rows.at(-1);
      if (!last || !edges.later) return null;
      const limit = step(count);
      const found = await transaction.range('messages', { ...this.#after(last), limit: limit + 1 });
      const all = [...rows, ...found.slice(0, limit)];
      const earlier = edges.earlier || all.length > WINDOW_MAX;
      return { rows: all.slice(-WINDOW_MAX), edges: { earlier, later: found.length > limit } };
    });
  }

  /** @returns the row jumped to, null when there is none like it */
  async jumpTo(target: JumpTarget): Promise<MessageRow | null> {
    const found = await this.#front.read(['messages'], async (transaction) => {
      const row = await this.#find(transaction, target);
      if (!row) return null;
      const [before, after] = await Promise.all([
        transaction.range('messages', { ...this.#before(row), limit: WINDOW_PAGE }),
        transaction.range('messages', { ...this.#after(row), limit: WINDOW_PAGE + 1 }),
      ]);
      const rows = [...before.reverse(), row, ...after.slice(0, WINDOW_PAGE)];
      return { row, extent: extentOf(rows, after.length > WINDOW_PAGE) };
    });
    if (!found) return null;
    this.#extent = found.extent;
    this.messages.again();
    return found.row;
  }

  /**
   * What is shown stays as it is, and only what is new is read: a step through a long history costs the same everywhere.
   *
   * @param more the longer page; null if there is no more
   */
  async #extend(more: (transaction: Transaction, page: Page) => Promise<Page | null>): Promise<boolean> {
    for (;;) {
      const [last, extent] = [this.#last, this.#extent];
      const known = this.messages.isHeard && last?.extent === extent ? last.page : null;
      const page = await this.#front.read(['messages'], async (transaction) =>
        more(transaction, known ?? (await this.#read(transaction))),
      );
      if (!page) return false;
      // The list has changed meanwhile, or somebody has jumped: this may not continue it.
      if (last !== this.#last || extent !== this.#extent) continue;
      this.#extent = extentOf(page.rows, page.edges.later);
      this.#last = { extent: this.#extent, page };
      this.messages.again();
      return true;
    }
  }

  /**
   * The last answer with what has changed since: a message costs the reading of one row, not of the whole window, and the others
   * stay the same objects. Null where more must be read than that.
   */
  async #update(transaction: Transaction, changes: Footprint): Promise<Page | null> {
    const keys = keysTouched(changes, 'messages', this.#id);
    const extent = this.#extent;
    if (!keys || this.#last?.extent !== extent) return null;
    const { rows: before, edges } = this.#last.page;
    const found = await Promise.all(keys.map((key) => transaction.get('messages', key)));
    const fresh = found.filter((row) => row !== undefined);
    const isBounded = edges.earlier || edges.later;
    // Something outside the window has changed: perhaps nothing is there any more.
    if (isBounded && keys.some((key) => ![...before, ...fresh].some((row) => isAt(row, key)))) return null;
    const rows = [...before.filter((row) => !keys.some((key) => isAt(row, key))), ...fresh].sort(inOrder);
    if (extent.at === 'newest') return this.#newestOf(rows, extent.count, before[0], edges);
    const isEarlier = (row: MessageRow): boolean => comparePositions(row, extent.from) < 0;
    const isLater = (row: MessageRow): boolean => comparePositions(row, extent.to) > 0;
    const within = rows.filter((row) => !isEarlier(row) && !isLater(row));
    // More may lie behind a full window, and come into it now.
    const [full, end] = [before[WINDOW_MAX - 1], within[WINDOW_MAX - 1]];
    if (full && (!end || inOrder(end, full) > 0)) return null;
    return bounded(within, {
      earlier: edges.earlier || rows.some(isEarlier),
      later: edges.later || rows.some(isLater),
    });
  }

  /** @param first of the last answer; null where what now belongs to it lies before that */
  #newestOf(rows: readonly MessageRow[], count: number, first: MessageRow | undefined, edges: Edges): Page | null {
    const excess = rows.length - count;
    const isBefore = first !== undefined && rows[0] !== undefined && inOrder(rows[0], first) < 0;
    if (edges.earlier && (excess < 0 || isBefore)) return null;
    return { rows: rows.slice(Math.max(0, excess)), edges: { earlier: edges.earlier || excess > 0, later: false } };
  }

  async #read(transaction: Transaction): Promise<Page> {
    const extent = this.#extent;
    if (extent.at === 'newest') {
      const range = { ...this.#everything, reverse: true, limit: extent.count + 1 };
      const rows = await transaction.range('messages', range);
      const earlier = rows.length > extent.count;
      return { rows: (earlier ? rows.slice(0, -1) : rows).reverse(), edges: { earlier, later: false } };
    }
    const { from, to } = extent;
    const [rows, before, after] = await Promise.all([
      transaction.range('messages', {
        index: 'position',
        lower: this.#key(from),
        upper: this.#key(to),
        limit: WINDOW_MAX + 1,
      }),
      transaction.range('messages', { ...this.#before(from), limit: 1 }),
      transaction.range('messages', { ...this.#after(to), limit: 1 }),
    ]);
    return bounded(rows, { earlier: before.length > 0, later: after.length > 0 });
  }

  async #find(transaction: Transaction, target: JumpTarget): Promise<MessageRow | undefined> {
    switch (target.to) {
      case 'message': {
        const key = parseMessageKey(target.id);
        return key ? transaction.get('messages', [this.#id, key.user, key.id, key.device]) : undefined;
      }
      case 'time': {
        const range = { ...this.#everything, lower: [this.#id, target.at], limit: 1 };
        return (await transaction.range('messages', range))[0] ?? this.#newest(transaction);
      }
      case 'first-unread': {
        const range = { index: 'unread', lower: [this.#id, 1], upper: [this.#id, 1, []], limit: 1 } as const;
        return (await transaction.range('messages', range))[0];
      }
      case 'newest':
        return this.#newest(transaction);
    }
  }

  async #newest(transaction: Transaction): Promise<MessageRow | undefined> {
    return (await transaction.range('messages', { ...this.#everything, reverse: true, limit: 1 }))[0];
  }

  get #everything() {
    return { index: 'position', lower: [this.#id], upper: [this.#id, []] } as const;
  }

  #before(position: Position) {
    return { ...this.#everything, upper: this.#key(position), upperOpen: true, reverse: true };
  }

  #after(position: Position) {
    return { ...this.#everything, lower: this.#key(position), lowerOpen: true };
  }

  #key({ hlc, id }: Position) {
    return [this.#id, hlc, id] as const;
  }
}

/** More than a window holds would be left behind at once. */
function step(count: number): number {
  return Math.max(1, Math.min(count, WINDOW_MAX));
}

const isAt = ({ user, id, device }: MessageRow, [, ...key]: Key): boolean =>
  user === key[0] && id === key[1] && device === key[2];

/** As the index orders them. */
function inOrder(a: MessageRow, b: MessageRow): number {
  return compareKeys([a.hlc, a.id, a.user, a.device], [b.hlc, b.id, b.user, b.device]);
}

const comparePositions = (a: Position, b: Position): number => compareKeys([a.hlc, a.id], [b.hlc, b.id]);

const positionOf = ({ hlc, id }: MessageRow): Position => ({ hlc, id });

/** What lies between two positions may have become more than a window holds. */
function bounded(rows: readonly MessageRow[], { earlier, later }: Edges): Page {
  return { rows: rows.slice(0, WINDOW_MAX), edges: { earlier, later: later || rows.length > WINDOW_MAX } };
}

/** @param later there are newer ones than these */
function extentOf(rows: readonly MessageRow[], later: boolean): Extent {
  const [from, to] = [rows[0], rows.at(-1)];
  if (later && from && to) return { at: 'past', from: positionOf(from), to: positionOf(to) };
  return { at: 'newest', count: Math.max(rows.length, WINDOW_PAGE) };
}
