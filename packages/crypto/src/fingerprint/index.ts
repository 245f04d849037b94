/** @sotto/crypto/fingerprint: safety numbers (specification: fingerprints). Apart, for a chat starts without comparing any. */
export { CryptoError } from '../errors.js';
export {
  createFingerprint,
  DEFAULT_FINGERPRINT_ITERATIONS,
  matchesScanned,
  type Fingerprint,
  type FingerprintInput,
  type FingerprintParty,
} from './fingerprint.js';
