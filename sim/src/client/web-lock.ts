import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import type { Process } from '../core/process.js';

/** Whoever asks for the lock. */
export interface Candidate {
  readonly process: Process;
  granted(): void;
  /** Stolen: whoever holds it hears of it when it can. */
  lost(): void;
}

/** How long a follower takes to find out that the leader does not answer (`client/election.ts`: asks every 5 s, waits 2). */
const SILENT_MS = [2_000, 8_000] as const;

/** When a robbed holder hears of it: the sooner the better for everybody, but nothing may rest on that. */
const ROBBED_MS = 5_000;

/** A lock of a process that is gone is free again after this; measured in Chromium (DESIGN section 4). */
const HANDED_OVER_MS = 30;

/**
 * A Web Lock among the tabs of one device. A dead holder loses it; a frozen one keeps it until a follower steals it, and
 * believes that it leads when it thaws.
 */
export class WebLock {
  #holder: Candidate | null = null;
  #queue: Candidate[] = [];
  readonly #scheduler: Scheduler;
  readonly #random: Random;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get holder(): Candidate | null {
    return this.#holder;
  }

  request(candidate: Candidate): void {
    if (this.#holder === candidate || this.#queue.includes(candidate)) return;
    this.#queue.push(candidate);
    this.#grantSoon();
    if (this.#holder?.process.isFrozen === true) this.holderFrozen();
  }

  release(candidate: Candidate): void {
    this.#queue = this.#queue.filter((other) => other !== candidate);
    if (this.#holder !== candidate) return;
    this.#holder = null;
    this.#grantSoon();
  }

  /** Followers ask, hear nothing, and steal. */
  holderFrozen(): void {
    const frozen = this.#holder;
    this.#scheduler.after(this.#random.between(...SILENT_MS), 'lock: the leader does not answer', () => {
      if (frozen && this.#holder === frozen && frozen.process.isFrozen) this.steal();
    });
  }

  /** A follower takes the lock, whether the holder answers or not. */
  steal(): void {
    const thief = this.#queue.find(({ process }) => process.isRunning);
    if (!thief) return;
    const robbed = this.#holder;
    this.#queue = this.#queue.filter((other) => other !== thief);
    this.#grant(thief);
    const late = this.#random.between(0, this.#random.chance(0.5) ? 50 : ROBBED_MS);
    robbed?.process.after(late, 'lock stolen', () => robbed.lost());
  }

  #grantSoon(): void {
    this.#scheduler.after(this.#random.between(0, HANDED_OVER_MS), 'lock: next', () => {
      const next = this.#queue.find(({ process }) => !process.isDead);
      if (this.#holder || !next) return;
      this.#queue = this.#queue.filter((other) => other !== next);
      this.#grant(next);
      if (next.process.isFrozen) this.holderFrozen();
    });
  }

  #grant(candidate: Candidate): void {
    this.#holder = candidate;
    candidate.process.after(0, 'lock granted', () => candidate.granted());
  }
}
