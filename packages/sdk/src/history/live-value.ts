import type { Live } from '../live.js';

/** A {@link Live} value that somebody sets. */
export class LiveValue<V> implements Live<V> {
  #value: V;
  readonly #listeners = new Set<(value: V) => void>();

  constructor(initial: V) {
    this.#value = initial;
  }

  get(): V {
    return this.#value;
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  subscribe(listener: (value: V) => void): () => void {
    // Each subscription is its own, also when the same function is passed twice.
    const own = (value: V): void => listener(value);
    this.#listeners.add(own);
    own(this.#value);
    return () => this.#listeners.delete(own);
  }

  set(value: V): void {
    this.#value = value;
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        // One listener's mistake is its own: the others are told, and the app's console sees it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
