import { onPage } from '../util/page-events.js';

/**
 * A page that is frozen inside a transaction blocks the database for every other tab: its callbacks do not run, so the transaction
 * does not end. Therefore a page that is told `freeze` ends its transactions without effect, and begins none until `resume`; then
 * they run again.
 */
export class FreezeGuard {
  /** Resolves when the page is woken; null while it is awake. */
  frozen: Promise<void> | null = null;
  #wake: () => void = () => undefined;
  readonly #open = new Set<IDBTransaction>();
  readonly #interrupted = new WeakSet<IDBTransaction>();
  readonly #unlisten = [onPage('freeze', () => this.#freeze()), onPage('resume', () => this.#resume())];

  /** Watches over a transaction until {@link forget}. */
  watch(transaction: IDBTransaction): void {
    this.#open.add(transaction);
  }

  /** It has ended. */
  forget(transaction: IDBTransaction): void {
    this.#open.delete(transaction);
  }

  /** Whether the transaction was ended here, so that it must run again. */
  wasInterrupted(transaction: IDBTransaction): boolean {
    return this.#interrupted.has(transaction);
  }

  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.#resume();
  }

  #freeze(): void {
    this.frozen ??= new Promise((resolve) => (this.#wake = resolve));
    for (const transaction of this.#open) {
      try {
        transaction.abort();
        this.#interrupted.add(transaction);
      } catch {
        // Its commit is under way: the browser finishes it without us.
      }
    }
  }

  #resume(): void {
    this.frozen = null;
    this.#wake();
  }
}
