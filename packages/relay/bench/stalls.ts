import type { LoadResult } from './load/load.js';
import { percentile } from './context.js';

/** Messages that were sent so soon after each other, and were all slow, waited for the same thing. */
const APART_MS = 20;

/**
 * In how many stretches of time the slowest hundredth of a run was sent: few are something that happened now and then, a
 * collection of garbage or a host that took a processor away; many are a queue.
 */
export function stalls({ latencies, times = new Float64Array() }: LoadResult): number {
  const limit = percentile(latencies, 0.99);
  const slow = times.filter((_, index) => (latencies[index] ?? 0) >= limit).sort();
  return slow.filter((time, index) => index === 0 || time - (slow[index - 1] ?? 0) > APART_MS).length;
}
