/** Seeded mutations of valid inputs, and plain noise. */

export type Numbers = () => number;

function below(next: Numbers, bound: number): number {
  return Math.floor(next() * bound);
}

/** Bytes that sit on the edges of varints, lengths and keys. */
const EDGES = [0x00, 0x01, 0x05, 0x08, 0x7f, 0x80, 0x81, 0xed, 0xfe, 0xff];

function noise(next: Numbers, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => below(next, 256));
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - remove + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + remove), at + insert.length);
  return out;
}

type Mutation = (bytes: Uint8Array, next: Numbers, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, next) {
    const at = below(next, bytes.length);
    return bytes.with(at, (bytes[at] ?? 0) ^ (1 << below(next, 8)));
  },
  function setEdge(bytes, next) {
    return bytes.with(below(next, bytes.length), EDGES[below(next, EDGES.length)] ?? 0);
  },
  function truncate(bytes, next) {
    return bytes.slice(0, below(next, bytes.length));
  },
  function remove(bytes, next) {
    const at = below(next, bytes.length);
    return splice(bytes, at, Math.min(1 + below(next, 40), bytes.length - at), new Uint8Array());
  },
  function insert(bytes, next) {
    return splice(bytes, below(next, bytes.length + 1), 0, noise(next, 1 + below(next, 20)));
  },
  function repeat(bytes, next) {
    const at = below(next, bytes.length);
    return splice(bytes, at, 0, bytes.slice(at, at + 1 + below(next, 80)));
  },
  function cross(bytes, next, other) {
    const at = below(next, bytes.length);
    const from = below(next, other.length);
    return splice(bytes, at, bytes.length - at, other.slice(from));
  },
  function longVarint(bytes, next) {
    return splice(bytes, below(next, bytes.length), 1, new Uint8Array(1 + below(next, 11)).fill(0xff));
  },
];

/** One hostile input: mostly a valid one with up to four mutations, sometimes noise. */
export function hostile(seeds: readonly Uint8Array[], next: Numbers): Uint8Array {
  if (next() < 0.1) return noise(next, below(next, next() < 0.9 ? 80 : 4000));
  const pick = () => seeds[below(next, seeds.length)] ?? new Uint8Array();
  let bytes = pick();
  const rounds = 1 + below(next, 4);
  for (let i = 0; i < rounds && bytes.length > 0; i++) {
    bytes = MUTATIONS[below(next, MUTATIONS.length)]?.(bytes, next, pick()) ?? bytes;
  }
  return bytes;
}
