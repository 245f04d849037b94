import { setFlagsFromString } from 'node:v8';

/** From so many connections on, garbage that lies about costs more than collecting it earlier. */
const MANY_CONNECTIONS = 2_000;

/** By how much the heap may grow, of what was alive in it, before it is collected again. */
const GROWTH_PERCENT = { few: 200, many: 20 };

const LOOK_MS = 1_000;

/**
 * When V8 collects its whole heap, left to itself, is wrong twice here.
 *
 * - A busy relay with few connections has a small heap, 40 MB, and V8 collects it anew after 8 MB more, for that takes only
 *   three hundredths of the processor: every two seconds, with threads that take the processors from the relay and its
 *   database for 50 to 90 ms. It may grow to three times what is alive.
 * - Idle connections give V8 no reason to collect what their hellos have left behind: with 10,000 of them that was half of
 *   the memory (23 KiB each instead of 12).
 *
 * The flag is the whole process's, so this is for the relay's own program.
 */
export function limitHeapGrowth(connections: () => number): void {
  let growth = 0;
  const look = () => {
    const wanted = connections() >= MANY_CONNECTIONS ? GROWTH_PERCENT.many : GROWTH_PERCENT.few;
    if (wanted === growth) return;
    growth = wanted;
    setFlagsFromString(`--heap-growing-percent=${growth}`);
  };
  look();
  setInterval(look, LOOK_MS).unref();
}
