/** What may go wrong. The numbers of a step say how long, how far and to whom. */
export const FAULTS = [
  'relay killed',
  'relay deployed',
  'relay frozen',
  'PostgreSQL crashed',
  'PostgreSQL unreachable',
  'disk slow',
  'disk stalled',
  'Redis restarted',
  'Redis flushed',
  'Redis partitioned',
  'sockets cut',
  'sockets half-open',
  'recipient silent',
  'clock jumped',
  'PostgreSQL clock jumped',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Step {
  fault: Fault;
  /** Index of the node that it hits; faults of a server shared by both ignore it. */
  node: number;
  /** Milliseconds for which it lasts. */
  holdMs: number;
  /** Milliseconds until the next one, so that some strike during the recovery of the one before. */
  restMs: number;
  /** 0 to 1: what else is to be chosen, such as how far a clock jumps. */
  value: number;
}

/** Mulberry32: a small seeded generator, numbers from 0 to 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The same arguments yield the same steps. Every kind of fault comes once before any comes twice, so a short run has them
 * all.
 */
export function makePlan(seed: number, count: number, nodes: number, faults: readonly Fault[] = FAULTS): Step[] {
  const random = seeded(seed);
  const pick = (size: number) => Math.floor(random() * size);
  let bag: Fault[] = [];
  return Array.from({ length: count }, () => {
    if (bag.length === 0) bag = [...faults];
    const [fault = FAULTS[0]] = bag.splice(pick(bag.length), 1);
    return { fault, node: pick(nodes), holdMs: 200 + pick(1_800), restMs: 50 + pick(500), value: random() };
  });
}
