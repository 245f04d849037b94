/** Loaded when somebody compares safety numbers: most tabs never do, and a namespace import would load all of the cryptography. */
export { createFingerprint, CryptoError, matchesScanned } from '@sotto/crypto/fingerprint';
