import { describe, expect, test } from 'vitest';
import { decapsulate, encapsulate, generateKemKeyPair } from '../../src/kem/kyber1024.js';
import { aesCbcDecrypt, aesCbcEncrypt } from '../../src/primitives/aes-cbc.js';
import { hkdf } from '../../src/primitives/hkdf.js';
import { messageSeed, nextChainKey } from '../../src/ratchet/chain-key.js';
import { deriveMessageKeys } from '../../src/ratchet/message-keys.js';
import { hex, toHex } from '../support/bytes.js';
import { vectors } from '../support/json.js';
import { recordedRandom, seededRandom } from '../support/random.js';

interface Kdf {
  chainKey: { chainKey: string; index: number; cipherKey: string; macKey: string; nextChainKey: string };
  hkdfSha256: { ikm: string; salt: string; info: string; length: number; okm: string }[];
}
const kdf = vectors('public-kdf') as Kdf;

describe('key derivation', () => {
  test.each(kdf.hkdfSha256)('HKDF $okm', (v) => {
    expect(toHex(hkdf(hex(v.salt), hex(v.ikm), hex(v.info), v.length))).toBe(v.okm);
  });

  test('no salt and an empty salt are the same', () => {
    const ikm = new Uint8Array(22).fill(0x0b);
    expect(hkdf(null, ikm, new Uint8Array(), 42)).toEqual(hkdf(new Uint8Array(), ikm, new Uint8Array(), 42));
  });

  test('chain step and message keys', () => {
    const chainKey = { key: hex(kdf.chainKey.chainKey), index: kdf.chainKey.index };
    const keys = deriveMessageKeys(messageSeed(chainKey), null);
    expect(toHex(keys.cipherKey)).toBe(kdf.chainKey.cipherKey);
    expect(toHex(keys.macKey)).toBe(kdf.chainKey.macKey);
    expect(toHex(nextChainKey(chainKey).key)).toBe(kdf.chainKey.nextChainKey);
    expect(nextChainKey(chainKey).index).toBe(1);
  });
});

describe('AES-256-CBC', () => {
  interface Aes {
    aes256CbcPkcs7: {
      key: string;
      iv: string;
      plaintext: string;
      ciphertext: string;
      flippedIv: string;
      plaintextUnderFlippedIv: string;
    };
  }
  const v = (vectors('public-aes') as Aes).aes256CbcPkcs7;

  test('encrypts and decrypts the public vector', () => {
    expect(toHex(aesCbcEncrypt(hex(v.key), hex(v.iv), hex(v.plaintext)))).toBe(v.ciphertext);
    expect(toHex(aesCbcDecrypt(hex(v.key), hex(v.iv), hex(v.ciphertext)))).toBe(v.plaintext);
    expect(toHex(aesCbcDecrypt(hex(v.key), hex(v.flippedIv), hex(v.ciphertext)))).toBe(v.plaintextUnderFlippedIv);
  });

  test.each([0, 15, 17])('refuses %i bytes', (length) => {
    expect(() => aesCbcDecrypt(hex(v.key), hex(v.iv), new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    );
  });

  test('refuses bad padding', () => {
    expect(() => aesCbcDecrypt(hex(v.key), hex(v.iv), new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    );
  });
});

describe('Kyber1024', () => {
  interface Kyber {
    publicKeyRaw: string;
    secretKeyRaw: string;
    encapsulations: { m: string; ciphertext: string; sharedSecret: string }[];
  }
  const v = vectors('public-kyber1024-fixture') as Kyber;
  const publicKey = hex(`08${v.publicKeyRaw}`);
  const secretKey = hex(`08${v.secretKeyRaw}`);

  test.each(v.encapsulations)('encapsulates and decapsulates $sharedSecret', ({ m, ciphertext, sharedSecret }) => {
    const result = encapsulate(publicKey, recordedRandom([hex(m)]).random);
    expect(toHex(result.ciphertext)).toBe(`08${ciphertext}`);
    expect(toHex(result.sharedSecret)).toBe(sharedSecret);
    expect(toHex(decapsulate(result.ciphertext, secretKey))).toBe(sharedSecret);
  });

  test('fresh keys have serialized lengths and work', () => {
    const keys = generateKemKeyPair(seededRandom(1));
    expect([keys.publicKey.length, keys.secretKey.length]).toEqual([1569, 3169]);
    const { ciphertext, sharedSecret } = encapsulate(keys.publicKey, seededRandom(2));
    expect(decapsulate(ciphertext, keys.secretKey)).toEqual(sharedSecret);
  });

  test('an altered ciphertext gives another secret, a wrong type or length is refused', () => {
    const { ciphertext, sharedSecret } = encapsulate(publicKey, seededRandom(3));
    const altered = ciphertext.slice();
    altered[700] = (altered[700] ?? 0) ^ 1;
    expect(decapsulate(altered, secretKey)).not.toEqual(sharedSecret);
    const wrongType = ciphertext.slice();
    wrongType[0] = 0x0a;
    for (const bad of [wrongType, ciphertext.slice(1), ciphertext.slice(0, -1)]) {
      expect(() => decapsulate(bad, secretKey)).toThrow(expect.objectContaining({ code: 'bad-key' }));
    }
    expect(() => encapsulate(new Uint8Array(1569).fill(0xff).fill(8, 0, 1), seededRandom(4))).toThrow(
      expect.objectContaining({ code: 'bad-key' }),
    );
  });
});
