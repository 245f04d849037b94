import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { generateSigningKey } from '../../src/groups/group-keys.js';
import type { Ed25519Origin } from '../../src/groups/sender-key-record.js';
import { generateKeyPair } from '../../src/keys/curve25519.js';
import { sign, verify } from '../../src/keys/xeddsa.js';
import { type WebCryptoEd25519, webCryptoEd25519 } from '../../src/webcrypto/ed25519.js';
import { hex, utf8 } from '../support/bytes.js';
import { vectors } from '../support/json.js';
import { seededRandom } from '../support/random.js';

interface Case {
  public: string;
  message: string;
  signature: string;
  valid: boolean;
}

const random = seededRandom(11);

async function platform(): Promise<WebCryptoEd25519> {
  const found = await webCryptoEd25519();
  if (found === null) throw new Error('this platform has no Ed25519');
  return found;
}

function originOf(signing: { ed25519: Ed25519Origin | null }): Ed25519Origin {
  if (signing.ed25519 === null) throw new Error('a generated key has a seed');
  return signing.ed25519;
}

describe('signing', () => {
  test('what WebCrypto signs with a seed is an XEdDSA signature of the key made from it, for both signs', async () => {
    const webCrypto = await platform();
    const signs = new Set<number>();
    for (let i = 0; i < 16; i++) {
      const { signing, publicKey } = generateSigningKey(random);
      const message = utf8(`message ${i}`);
      const signature = await webCrypto.sign(originOf(signing), message);
      expect(verify(publicKey, message, signature)).toBe(true);
      expect(verify(publicKey, utf8('another'), signature)).toBe(false);
      expect(verify(publicKey, message, sign(signing.privateKey, message, random))).toBe(true);
      signs.add((originOf(signing).publicKey[31] ?? 0) >> 7);
    }
    expect(signs).toEqual(new Set([0, 1]));
  });
});

describe('verifying gives the answer of our own verifier', () => {
  test('for signatures of all makes, good and altered in every byte', async () => {
    const webCrypto = await platform();
    for (let i = 0; i < 4; i++) {
      const { publicKey, privateKey } = generateKeyPair(random);
      const message = utf8(`message ${i}`);
      const signature = sign(privateKey, message, random);
      expect(await webCrypto.verify(publicKey, message, signature)).toBe(true);
      for (let at = 0; at < 64; at += 7) {
        const altered = signature.slice();
        altered[at] = (altered[at] ?? 0) ^ 0x80;
        expect(await webCrypto.verify(publicKey, message, altered)).toBe(false);
      }
      expect(await webCrypto.verify(publicKey, message, signature.subarray(1))).toBe(false);
    }
  });

  test('for S + L, which XEdDSA accepts and Ed25519 does not', async () => {
    const webCrypto = await platform();
    const { publicKey, privateKey } = generateKeyPair(random);
    const message = utf8('S + L');
    const signature = sign(privateKey, message, random);
    let s = 0n;
    for (let i = 31; i >= 0; i--) s = (s << 8n) | BigInt((signature[32 + i] ?? 0) & (i === 31 ? 0x7f : 0xff));
    s += ed25519.Point.Fn.ORDER;
    for (let i = 0; i < 32; i++, s >>= 8n) {
      signature[32 + i] = Number(s & 0xffn) | (i === 31 ? (signature[63] ?? 0) & 0x80 : 0);
    }
    expect(verify(publicKey, message, signature)).toBe(true);
    expect(await webCrypto.verify(publicKey, message, signature)).toBe(true);
  });

  test('for the corner cases that libsignal was asked about', async () => {
    const webCrypto = await platform();
    const { verifierCornerCases, signedByLibsignal } = vectors('gen-xeddsa') as Record<string, Case[]>;
    const cases = [...(verifierCornerCases ?? []), ...(signedByLibsignal ?? [])];
    expect(cases).toHaveLength(16);
    for (const { public: publicKey, message, signature, valid } of cases) {
      expect(await webCrypto.verify(hex(publicKey), hex(message), hex(signature))).toBe(valid);
    }
  });
});
