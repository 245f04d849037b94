/** @sotto/crypto/sha256: apart, for a page needs names and ids before it needs a ratchet. */
export { sha256 } from '../primitives/sha256.js';
