import type { AppId } from '@sotto/protocol';

import { RelayError } from '../errors.js';
import type { RelayObserver } from '../observer.js';
import type { Clock } from '../platform.js';
import { StoreError, type AckItem, type MailboxStore } from '../store/store.js';
import { Batcher } from './batcher.js';
import type { MailboxId } from './mailbox-id.js';

/** Mailboxes in one statement; measured, more gain nothing. */
const MAX_BATCH = 200;

/** An acknowledgement is not waited for as a message is. So they wait for each other, while there are few of them. */
const GATHER_MS = 5;
const FEW = 20;

interface AckDeps {
  store: MailboxStore;
  clock: Clock;
  observer: RelayObserver;
}

/**
 * Acknowledgements of one app on one node, many mailboxes in one statement. They are cumulative: of several for one
 * mailbox in a batch only the highest is written, and the others share its answer.
 */
export class AckWriter {
  readonly #app: AppId;
  readonly #deps: AckDeps;
  readonly #batcher: Batcher<AckItem, boolean>;
  /** In the last batch. */
  #count = 0;

  constructor(app: AppId, deps: AckDeps) {
    this.#app = app;
    this.#deps = deps;
    this.#batcher = new Batcher<AckItem, boolean>((items) => this.#write(items), {
      weigh: () => 1,
      maxWeight: MAX_BATCH,
      gather: () => this.#gather(),
    });
  }

  /** @param done hears after the commit that it is done, or `ack-refused`, `unavailable` or `internal` */
  ack(item: AckItem, done: (refusal: Error | null) => void): void {
    this.#batcher.push(item, (result) => {
      if (result === true) this.#deps.observer.acked?.(this.#app, item.mailbox, item.seq);
      done(result === true ? null : result || new RelayError('ack-refused'));
    });
  }

  /** As {@link ack}, as a promise. */
  acked(item: AckItem): Promise<void> {
    return new Promise((resolve, reject) => {
      this.ack(item, (refusal) => {
        if (refusal) reject(refusal);
        else resolve();
      });
    });
  }

  settled(): Promise<void> {
    return this.#batcher.settled();
  }

  #gather(): Promise<void> {
    if (this.#count >= FEW) return Promise.resolve();
    return new Promise((resolve) => this.#deps.clock.after(GATHER_MS, resolve));
  }

  async #write(items: AckItem[]): Promise<(boolean | RelayError)[]> {
    this.#count = items.length;
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
      const started = this.#deps.clock.now();
      const results = await this.#deps.store.ack(this.#app, items);
      this.#deps.observer.committed?.('ack', items.length, (this.#deps.clock.now() - started) / 1000);
      return results;
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
