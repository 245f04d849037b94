import type { Agreement } from '../keys/agreement.js';
import { generateKeyPair, type KeyPair } from '../keys/curve25519.js';
import type { SignatureVerdict } from '../keys/signature-verdict.js';
import { wipe } from '../primitives/bytes.js';
import type { RandomBytes } from '../primitives/random.js';

/**
 * Slow steps of one operation, done ahead. Everything in it is bound to the keys it was made for: what does not fit the
 * operation is not used, and the core computes it itself, with the same result. Fresh key pairs are given out once.
 */
export class Precomputed {
  static readonly none: Precomputed = new Precomputed([], [], []);

  readonly agreements: readonly Agreement[];
  readonly verdicts: readonly SignatureVerdict[];
  readonly #keyPairs: KeyPair[];

  constructor(agreements: readonly Agreement[], verdicts: readonly SignatureVerdict[], keyPairs: readonly KeyPair[]) {
    this.agreements = agreements;
    this.verdicts = verdicts;
    this.#keyPairs = [...keyPairs];
  }

  /** The next key pair made ahead, or a new one from `random`. */
  freshKeyPair(random: RandomBytes): KeyPair {
    return this.#keyPairs.shift() ?? generateKeyPair(random);
  }

  /** Zeroes what was not used. Call it when the operation was done or given up. */
  wipe(): void {
    for (const agreement of this.agreements) agreement.wipe();
    for (const { privateKey } of this.#keyPairs) wipe(privateKey);
    this.#keyPairs.length = 0;
  }
}
