/** @sotto/crypto/fingerprint: safety numbers (docs/spec of fingerprints). Apart, for a chat starts without comparing any. */
export { CryptoError } from '../errors.js';
export {
  createFingerprint,
  DEFAULT_FINGERPRINT_ITERATIONS,
  matchesScanned,
  type Fingerprint,
  type FingerprintInput,
  type FingerprintParty,
} from './fingerprint.js';
