import { cbc } from '@noble/ciphers/aes.js';
import { CryptoError } from '../errors.js';

/** AES-256-CBC with PKCS#7 padding; the output is 1 to 16 bytes longer than the input. */
export function aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return cbc(key, iv).encrypt(plaintext);
}

/**
 * Inverse of {@link aesCbcEncrypt}. Only ever called on data whose MAC was verified: no padding oracle.
 * @throws CryptoError `invalid-message` when the length is no positive multiple of 16 or the padding is bad
 */
export function aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length === 0 || ciphertext.length % 16 !== 0) {
    throw new CryptoError('invalid-message', 'ciphertext length is not a positive multiple of 16');
  }
  try {
    return cbc(key, iv).decrypt(ciphertext);
  } catch (cause) {
    throw new CryptoError('invalid-message', 'bad padding', { cause });
  }
}
