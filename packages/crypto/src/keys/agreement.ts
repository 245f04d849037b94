import { wipe } from '../primitives/bytes.js';
import { equalBytes, isAllZero } from '../primitives/constant-time.js';
import { agree, parsePublicKey, type KeyPair } from './curve25519.js';

/** Computes X25519(our private key, their 33-byte public key) another way, for instance with WebCrypto: 32 bytes. */
export type AgreementFunction = (ours: KeyPair, theirs: Uint8Array) => Promise<Uint8Array>;

/**
 * A DH output computed ahead, together with the two public keys that it belongs to. Only functions of this module make
 * one, so the output cannot be paired with other keys, and the core looks it up by both keys.
 */
export class Agreement {
  readonly #ours: Uint8Array;
  readonly #theirs: Uint8Array;
  readonly #secret: Uint8Array;

  private constructor(ours: Uint8Array, theirs: Uint8Array, secret: Uint8Array) {
    this.#ours = ours;
    this.#theirs = theirs;
    this.#secret = secret;
  }

  /**
   * Computes X25519 with a faster function than ours. Null when that fails or gives the zero point: the core then does
   * it itself and reports what is wrong.
   * @throws CryptoError `bad-key` when their key cannot be parsed
   */
  static async compute(ours: KeyPair, theirs: Uint8Array, x25519: AgreementFunction): Promise<Agreement | null> {
    const publicKey = parsePublicKey(theirs);
    try {
      const secret = await x25519(ours, publicKey);
      if (secret.length !== 32 || isAllZero(secret)) return null;
      return new Agreement(ours.publicKey.slice(), publicKey, secret);
    } catch {
      return null;
    }
  }

  /** The secret, copied, when this agreement belongs to exactly these two public keys; otherwise null. */
  secretFor(ours: Uint8Array, theirs: Uint8Array): Uint8Array | null {
    return equalBytes(this.#ours, ours) && equalBytes(this.#theirs, theirs) ? this.#secret.slice() : null;
  }

  /** Zeroes the secret and belongs to no key from then on. */
  wipe(): void {
    wipe(this.#secret, this.#ours);
  }
}

/** DH of a key pair and a public key: taken from `precomputed` when it holds exactly this one, else computed. */
export function agreeOrLookUp(ours: KeyPair, theirs: Uint8Array, precomputed: readonly Agreement[] = []): Uint8Array {
  for (const agreement of precomputed) {
    const secret = agreement.secretFor(ours.publicKey, theirs);
    if (secret !== null) return secret;
  }
  return agree(ours.privateKey, theirs);
}
