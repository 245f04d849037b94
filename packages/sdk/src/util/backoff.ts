/** First wait and longest wait between tries. Half a minute keeps a thousand returning clients from being a stampede. */
const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * Full-jitter exponential backoff.
 *
 * @param attempt 0 for the first retry
 * @param random a number in [0, 1)
 * @returns milliseconds to wait: evenly spread over the upper half of the step, so that it is never near zero
 */
export function backoff(attempt: number, random: number): number {
  const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return step / 2 + (random * step) / 2;
}
