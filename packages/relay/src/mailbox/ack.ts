import type { AppId } from '@sotto/protocol';

import { RelayError } from '../errors.js';
import { StoreError, type AckItem, type MailboxStore } from '../store/store.js';
import { Batcher } from './batcher.js';
import type { MailboxId } from './mailbox-id.js';

/** Mailboxes in one statement; measured, more gain nothing. */
const MAX_BATCH = 200;

/**
 * Acknowledgements of one app on one node, many mailboxes in one statement. They are cumulative: of several for one
 * mailbox in a batch only the highest is written, and the others share its answer.
 */
export class AckWriter {
  readonly #app: AppId;
  readonly #store: MailboxStore;
  readonly #onAcked: ((mailbox: MailboxId, seq: number) => void) | undefined;
  readonly #batcher: Batcher<AckItem, boolean | RelayError>;

  constructor(app: AppId, store: MailboxStore, onAcked?: (mailbox: MailboxId, seq: number) => void) {
    this.#app = app;
    this.#store = store;
    this.#onAcked = onAcked;
    this.#batcher = new Batcher((items) => this.#write(items), { weigh: () => 1, maxWeight: MAX_BATCH });
  }

  /** Resolves after the commit. Rejects with `ack-refused`, `unavailable` or `internal`. */
  async ack(item: AckItem): Promise<void> {
    const result = await this.#batcher.add(item);
    if (result instanceof RelayError) throw result;
    if (!result) throw new RelayError('ack-refused');
    this.#onAcked?.(item.mailbox, item.seq);
  }

  settled(): Promise<void> {
    return this.#batcher.settled();
  }

  async #write(items: AckItem[]): Promise<(boolean | RelayError)[]> {
    const highest = new Map<MailboxId, AckItem>();
    for (const item of items) {
      const other = highest.get(item.mailbox);
      if (!other || other.seq < item.seq) highest.set(item.mailbox, item);
    }
    const unique = [...highest.values()];
    const results = await this.#commit(unique);
    const byMailbox = new Map(unique.map((item, index) => [item.mailbox, results[index] ?? false]));
    return items.map((item) => byMailbox.get(item.mailbox) ?? false);
  }

  async #commit(items: AckItem[], isRetry = false): Promise<(boolean | RelayError)[]> {
    try {
      return await this.#store.ack(this.#app, items);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === 'conflict' && !isRetry) return this.#commit(items, true);
      if (error.code !== 'unavailable' && items.length > 1) {
        const half = Math.ceil(items.length / 2);
        return [...(await this.#commit(items.slice(0, half))), ...(await this.#commit(items.slice(half)))];
      }
      return items.map(
        () => new RelayError(error.code === 'failed' ? 'internal' : 'unavailable', undefined, { cause: error }),
      );
    }
  }
}
