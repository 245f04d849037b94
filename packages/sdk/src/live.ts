/**
 * A value that changes: the shape that React's `useSyncExternalStore`, Svelte stores and Solid's `from` understand.
 */
export interface Live<T> {
  /** The current value; the same object until it changes. */
  get(): T;
  /** Calls `listener` at once with the current value and again after every change. Returns the function that ends it. */
  subscribe(listener: (value: T) => void): () => void;
}
