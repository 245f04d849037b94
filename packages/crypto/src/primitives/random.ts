import { CryptoError } from '../errors.js';

/** A source of `length` cryptographically secure random bytes, for instance `crypto.getRandomValues`. */
export type RandomBytes = (length: number) => Uint8Array;

/** Draws exactly `length` bytes; a source that returns another length is refused (`invalid-argument`). */
export function draw(random: RandomBytes, length: number): Uint8Array {
  const bytes = random(length);
  if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
    throw new CryptoError('invalid-argument', `the random source must return exactly ${length} bytes`);
  }
  return bytes;
}
