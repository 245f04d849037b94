import { equalBytes } from '../primitives/constant-time.js';
import { verify } from './xeddsa.js';

/** Verifies an XEdDSA signature another way, for instance with WebCrypto's Ed25519. */
export type VerifyFunction = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/**
 * The outcome of a verification done ahead, bound to the key, message and signature that it judged. Only functions of
 * this module make one; a bare boolean cannot be passed where a verdict is expected.
 */
export class SignatureVerdict {
  readonly #publicKey: Uint8Array;
  readonly #message: Uint8Array;
  readonly #signature: Uint8Array;
  readonly #valid: boolean;

  private constructor(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, valid: boolean) {
    this.#publicKey = publicKey;
    this.#message = message;
    this.#signature = signature;
    this.#valid = valid;
  }

  static of(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): SignatureVerdict {
    const [k, m, s] = [publicKey.slice(), message.slice(), signature.slice()];
    return new SignatureVerdict(k, m, s, verify(k, m, s));
  }

  /** As {@link of}, with a faster verification than ours. It must accept exactly what XEdDSA accepts, or less. */
  static async with(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
    verifyFunction: VerifyFunction,
  ): Promise<SignatureVerdict> {
    const [k, m, s] = [publicKey.slice(), message.slice(), signature.slice()];
    return new SignatureVerdict(k, m, s, await verifyFunction(k, m, s));
  }

  /** The verdict on exactly this key, message and signature; null when it is about something else. */
  on(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | null {
    const same =
      equalBytes(this.#publicKey, publicKey) &&
      equalBytes(this.#signature, signature) &&
      equalBytes(this.#message, message);
    return same ? this.#valid : null;
  }
}

/** Verifies, taking the answer from `verdicts` when one of them judged exactly this. */
export function verifyOrLookUp(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  verdicts: readonly SignatureVerdict[] = [],
): boolean {
  for (const verdict of verdicts) {
    const valid = verdict.on(publicKey, message, signature);
    if (valid !== null) return valid;
  }
  return verify(publicKey, message, signature);
}
