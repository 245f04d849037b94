import { randomBytes } from 'node:crypto';

/** Time as the relay sees it. A simulation passes its own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once after `ms` milliseconds; returns what cancels it. */
  after(ms: number, task: () => void): () => void;
}

/** `length` random bytes from a cryptographic source. */
export type Random = (length: number) => Uint8Array;

/** The longest delay that `setTimeout` keeps without overflowing to zero. */
const MAX_TIMEOUT_MS = 0x7fffffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), MAX_TIMEOUT_MS));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

export const systemRandom: Random = (length) => randomBytes(length);
