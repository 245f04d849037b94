/**
 * The field GF(2^16) of the erasure code (spqr.md 5): polynomial basis, reduction by x^16 + x^12 + x^3 + x + 1,
 * addition is XOR. Multiplication goes through logarithms to the base 2, which generates the multiplicative group.
 *
 * Table look-ups depend on the data. That is fine here: everything the erasure code handles travels in the clear.
 */

const REDUCTION = 0x1100b;

/** Number of non-zero elements, and so the modulus of logarithms. */
export const GROUP_ORDER = 0xffff;

export interface FieldTables {
  /** log[a] for a = 1..65535; log[0] is unused. */
  readonly log: Uint16Array;
  /** exp[i] = 2^i for i = 0..2 * 65535 - 1: twice around, so that a sum of two logarithms needs no reduction. */
  readonly exp: Uint16Array;
}

function buildTables(): FieldTables {
  const log = new Uint16Array(GROUP_ORDER + 1);
  const exp = new Uint16Array(2 * GROUP_ORDER);
  let power = 1;
  for (let i = 0; i < GROUP_ORDER; i++) {
    exp[i] = power;
    exp[i + GROUP_ORDER] = power;
    log[power] = i;
    power <<= 1;
    if (power > GROUP_ORDER) power ^= REDUCTION;
  }
  return { log, exp };
}

let built: FieldTables | undefined;

/** The tables (400 KB), built on first use in about a millisecond: an app that opens no session does not pay. */
export function fieldTables(): FieldTables {
  built ??= buildTables();
  return built;
}

/** Product of two field elements. */
export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  const { log, exp } = fieldTables();
  return exp[(log[a] ?? 0) + (log[b] ?? 0)] ?? 0;
}

/** Quotient of two field elements. `b` must not be 0. */
export function divide(a: number, b: number): number {
  if (b === 0) throw new RangeError('division by zero in GF(2^16)');
  if (a === 0) return 0;
  const { log, exp } = fieldTables();
  return exp[(log[a] ?? 0) + GROUP_ORDER - (log[b] ?? 0)] ?? 0;
}
