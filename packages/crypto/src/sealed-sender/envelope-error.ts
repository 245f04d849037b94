import { CryptoError } from '../errors.js';

export function invalidEnvelope(why: string): CryptoError {
  return new CryptoError('invalid-message', `sealed sender: ${why}`);
}
