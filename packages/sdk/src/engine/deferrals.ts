import type { Clock } from '../util/clock.js';
import type { Outgoing } from './outgoing.js';

/** How long a message waits whose recipient is not there yet, or whose mailbox is full: longer each time, up to this. */
const FIRST_DEFER_MS = 1_000;
const LONGEST_DEFER_MS = 30_000;

/** Something on its way out, and the outbox rows that it stands for. */
export type Waiting = Pick<Outgoing, 'id' | 'covers'>;

interface Deferred {
  readonly cancel: () => void;
  readonly covers: readonly string[];
  /** The conversation in which it has no place yet. */
  readonly unplaced: string | null;
  /** Waits for something readable, and not only for time. */
  readonly held: boolean;
}

/** What of the outbox has to wait, and until when. */
export class Deferrals {
  readonly #deferred = new Map<string, Deferred>();
  /** How often a message had to wait: a relay that keeps refusing must not keep us spinning. */
  readonly #waits = new Map<string, number>();
  readonly #clock: Clock;
  readonly #onDue: () => void;

  /** @param onDue something need not wait any longer */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  has(id: string): boolean {
    return this.#deferred.has(id);
  }

  /** The outbox rows of all that waits. */
  covered(): string[] {
    return [...this.#deferred.values()].flatMap(({ covers }) => covers);
  }

  /** Whether something waits in the conversation that has no place yet. */
  holdsUnplaced(conversation: string): boolean {
    return [...this.#deferred.values()].some(({ unplaced }) => unplaced === conversation);
  }

  /**
   * @param asked milliseconds that the relay asked to wait: believed once, then a second at least; null: a wait that grows
   * with each try
   * @param unplaced the conversation in which it has no place yet, as it could not be sealed
   */
  defer(waiting: Waiting, asked: number | null, unplaced: string | null = null): void {
    const waits = this.#waits.get(waiting.id) ?? 0;
    this.#waits.set(waiting.id, waits + 1);
    const ms =
      asked === null
        ? Math.min(LONGEST_DEFER_MS, FIRST_DEFER_MS * 2 ** Math.min(waits, 10))
        : Math.max(asked, waits > 0 ? FIRST_DEFER_MS : 0);
    this.#wait(waiting, ms, { unplaced, held: false });
  }

  /** For what may be tried again at once, the first time; a relay that goes on like this makes it wait. */
  deferUnlessFirst(waiting: Waiting): void {
    if (this.#waits.has(waiting.id)) this.defer(waiting, null);
    else this.#waits.set(waiting.id, 0);
  }

  /** A request that may not go yet: until its time, or until {@link releaseHeld}. */
  hold(waiting: Waiting, ms: number): void {
    this.#wait(waiting, ms, { unplaced: null, held: true });
  }

  /** @returns whether anything was held */
  releaseHeld(): boolean {
    const held = [...this.#deferred].filter(([, one]) => one.held);
    for (const [id, { cancel }] of held) {
      cancel();
      this.#deferred.delete(id);
    }
    return held.length > 0;
  }

  /** Nothing waits any longer. How often each had to is remembered. */
  wakeAll(): void {
    for (const { cancel } of this.#deferred.values()) cancel();
    this.#deferred.clear();
  }

  /** It is done with: how often it had to wait no longer matters. */
  forget(id: string): void {
    this.#waits.delete(id);
  }

  #wait({ id, covers }: Waiting, ms: number, { unplaced, held }: Pick<Deferred, 'unplaced' | 'held'>): void {
    this.#deferred.get(id)?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#deferred.delete(id);
      this.#onDue();
    });
    this.#deferred.set(id, { cancel, covers, unplaced, held });
  }
}
