/** Parts of the front that are not needed when a tab starts (`later.ts`). */
export { createFingerprint, CryptoError, matchesScanned } from '@sotto/crypto/fingerprint';
export { exportHistory } from './export-history.js';
export { incoming } from './incoming.js';
export { exportDevice, linkWith } from './linking.js';
