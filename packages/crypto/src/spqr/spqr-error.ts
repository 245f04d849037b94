import { CryptoError } from '../errors.js';

/** A message's post-quantum part does not fit: to the caller one more way for a message to be invalid. */
export function invalidSpqr(why: string): CryptoError {
  return new CryptoError('invalid-message', `post-quantum ratchet: ${why}`);
}
