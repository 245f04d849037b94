import { setImmediate } from 'node:timers';

import type { Trace } from './trace.js';

/** Any moment will do; whole seconds make traces readable. */
export const EPOCH_MS = 1_760_000_000_000;

interface Event {
  readonly at: number;
  readonly order: number;
  readonly label: string;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * The only source of time and order. Events run one at a time; the next one starts when every promise that the last one
 * has set going has come to rest. What waits, waits for an event of this scheduler and for nothing else.
 */
export class Scheduler {
  #now = EPOCH_MS;
  #order = 0;
  #ran = 0;
  readonly #queue: Event[] = [];
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Milliseconds since the epoch; not whole. */
  get now(): number {
    return this.#now;
  }

  /** Events run so far. */
  get ran(): number {
    return this.#ran;
  }

  /** @returns what cancels it */
  at(time: number, label: string, run: () => void): () => void {
    const event: Event = { at: Math.max(time, this.#now), order: this.#order++, label, run, cancelled: false };
    push(this.#queue, event);
    return () => {
      event.cancelled = true;
    };
  }

  after(ms: number, label: string, run: () => void): () => void {
    return this.at(this.#now + ms, label, run);
  }

  note(line: string): void {
    this.#trace.add(`${(this.#now - EPOCH_MS).toFixed(1).padStart(9)}      ${line}`);
  }

  /** Runs events until the time has come, or `isDone` says so after one of them. */
  async runUntil(time: number, isDone: () => boolean = () => false): Promise<void> {
    for (let event = this.#queue[0]; event && event.at <= time; event = this.#queue[0]) {
      pop(this.#queue);
      if (event.cancelled) continue;
      this.#now = event.at;
      this.#ran++;
      this.#trace.add(`${(event.at - EPOCH_MS).toFixed(1).padStart(9)}  ${event.label}`);
      event.run();
      await rest();
      if (isDone()) return;
    }
    this.#now = Math.max(this.#now, time);
  }
}

/** Resolves when no promise callback is left to run. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (!above || !before(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const [left, right] = [heap[child], heap[child + 1]];
    if (!left) break;
    let least = left;
    if (right && before(right, left)) {
      child++;
      least = right;
    }
    if (!before(least, last)) break;
    heap[at] = least;
    at = child;
  }
  heap[at] = last;
}
