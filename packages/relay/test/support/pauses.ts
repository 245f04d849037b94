const BEAT_MS = 250;

/** Shorter ones a busy machine makes all the time. */
const NOTED_MS = 2_000;

export interface Pause {
  /** Seconds from the beginning to its end, and how long it was. */
  at: number;
  seconds: number;
}

/** When this process, and so the machine, stood still: whatever is late then is not the relay's doing. */
export class Pauses {
  readonly noted: Pause[] = [];
  readonly #begun = performance.now();
  #last = this.#begun;
  readonly #timer = setInterval(() => {
    this.#beat();
  }, BEAT_MS).unref();

  /** Seconds since the beginning. */
  now(): number {
    return Math.round((performance.now() - this.#begun) / 1_000);
  }

  end(): Pause[] {
    clearInterval(this.#timer);
    return this.noted;
  }

  #beat(): void {
    const now = performance.now();
    const missed = now - this.#last - BEAT_MS;
    this.#last = now;
    if (missed > NOTED_MS) this.noted.push({ at: this.now(), seconds: Math.round(missed / 1_000) });
  }
}
