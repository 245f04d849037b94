import { setFlagsFromString } from 'node:v8';

/** From so many connections on, garbage that lies about costs more than collecting it earlier. */
const MANY_CONNECTIONS = 2_000;

/** By how much the heap may grow, of what was alive in it, before it is collected again. */
const GROWTH_PERCENT = 20;

const LOOK_MS = 1_000;

/**
 * V8 lets a heap about double before it collects it, and idle connections give it no reason to: with 10,000 of them half
 * of the memory was what their hellos had left behind (23 KiB each instead of 12). A small heap is left alone: there the
 * same share is collected many times a second. The flag is the whole process's, so this is for the relay's own program.
 */
export function limitHeapGrowth(connections: () => number): void {
  let isLimited = false;
  const look = () => {
    const isMany = connections() >= MANY_CONNECTIONS;
    if (isMany === isLimited) return;
    isLimited = isMany;
    // 0: V8's own judgement.
    setFlagsFromString(`--heap-growing-percent=${isMany ? GROWTH_PERCENT : 0}`);
  };
  setInterval(look, LOOK_MS).unref();
}
