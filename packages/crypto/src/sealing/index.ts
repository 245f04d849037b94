/**
 * @sotto/crypto/sealing: bytes at rest under a passphrase or a key (docs/sealing.md). Apart, for Argon2 need not load with a
 * chat.
 */
export {
  DEFAULT_PASSPHRASE_COST,
  MIN_PASSPHRASE_COST,
  needsResealing,
  openWithPassphrase,
  sealWithPassphrase,
  type OpenWithPassphraseInput,
  type PassphraseCost,
  type SealWithPassphraseInput,
} from './passphrase.js';
export {
  generateSealingKey,
  openWithKey,
  sealWithKey,
  SEALING_KEY_BYTES,
  type SealWithKeyInput,
} from './sealed-with-key.js';
