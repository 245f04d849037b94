import type { Clock } from './platform.js';

interface Slot<T> {
  items: Set<T>;
  cancel: () => void;
}

/**
 * Very many deadlines that need not be exact: those of one slot of time share a timer, and an item costs an entry in a set
 * where a timer of its own would cost five objects. Fires up to `slotMs` late, never early.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #slotMs: number;
  readonly #fire: (item: T) => void;
  readonly #slots = new Map<number, Slot<T>>();

  constructor(clock: Clock, slotMs: number, fire: (item: T) => void) {
    this.#clock = clock;
    this.#slotMs = slotMs;
    this.#fire = fire;
  }

  /**
   * @param time milliseconds since the epoch
   * @returns the slot, to {@link clear} it
   */
  set(item: T, time: number): number {
    const slot = Math.ceil(time / this.#slotMs);
    const known = this.#slots.get(slot);
    if (known) known.items.add(item);
    else this.#slots.set(slot, { items: new Set([item]), cancel: this.#timer(slot) });
    return slot;
  }

  clear(item: T, slot: number): void {
    const known = this.#slots.get(slot);
    if (!known?.items.delete(item) || known.items.size > 0) return;
    known.cancel();
    this.#slots.delete(slot);
  }

  #timer(slot: number): () => void {
    return this.#clock.after(slot * this.#slotMs - this.#clock.now(), () => {
      const due = this.#slots.get(slot);
      if (!due) return;
      // A clock does not wait for more than some weeks at once.
      if (this.#clock.now() < slot * this.#slotMs) {
        due.cancel = this.#timer(slot);
        return;
      }
      this.#slots.delete(slot);
      for (const item of due.items) this.#fire(item);
    });
  }
}
