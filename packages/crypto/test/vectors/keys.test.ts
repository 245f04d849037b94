import { describe, expect, test } from 'vitest';
import { agree, generateKeyPair, keyPairFromPrivate, sign, verify } from '../../src/index.js';
import { isCanonicalPublicKey, isInRange } from '../../src/keys/canonical.js';
import { parsePublicKey, publicKeyFromRaw } from '../../src/keys/curve25519.js';
import { serviceIdFixedWidth, serviceIdVariableWidth } from '../../src/keys/address.js';
import { hex, toHex } from '../support/bytes.js';
import { vectors } from '../support/json.js';
import { recordedRandom, seededRandom } from '../support/random.js';

interface Curve {
  agreement: { alicePublic: string; alicePrivate: string; bobPublic: string; bobPrivate: string; shared: string };
  xeddsaVerify: { publicRaw: string; message: string; signature: string };
  canonicalBaseKey: { cases: { u: string; inRange: boolean }[] };
}
interface XEdDsa {
  signedByLibsignal: { private: string; public: string; message: string; signature: string; valid: boolean }[];
  deterministicSign: { private: string; public: string; message: string; z: string; signature: string }[];
  verifierCornerCases: { why: string; public: string; message: string; signature: string; valid: boolean }[];
}

const curve = vectors('public-curve25519') as Curve;
const xeddsa = vectors('gen-xeddsa') as XEdDsa;

describe('X25519', () => {
  test('both sides agree on the public vector', () => {
    const { agreement } = curve;
    const alice = publicKeyFromRaw(hex(agreement.alicePublic).slice(-32));
    const bob = publicKeyFromRaw(hex(agreement.bobPublic).slice(-32));
    expect(toHex(agree(hex(agreement.alicePrivate), bob))).toBe(agreement.shared);
    expect(toHex(agree(hex(agreement.bobPrivate), alice))).toBe(agreement.shared);
  });

  test.each((vectors('gen-agreement') as { cases: { private: string; publicOther: string; shared: string }[] }).cases)(
    'agrees with libsignal on $shared',
    ({ private: privateKey, publicOther, shared }) => {
      const { privateKey: clamped } = keyPairFromPrivate(hex(privateKey));
      expect(toHex(agree(clamped, hex(publicOther)))).toBe(shared);
    },
  );

  test('refuses low-order points', () => {
    const { privateKey } = generateKeyPair(seededRandom(1));
    const lowOrder = [0, 1].map((byte) => publicKeyFromRaw(Uint8Array.from({ length: 32 }, (_, i) => (i ? 0 : byte))));
    for (const point of lowOrder) expect(() => agree(privateKey, point)).toThrow(/invalid key agreement/);
  });

  test('clamps on import', () => {
    expect(toHex(keyPairFromPrivate(new Uint8Array(32).fill(0xff)).privateKey)).toBe(`f8${'ff'.repeat(30)}7f`);
  });

  test('parses keys as the official library does: type first, then length, trailing bytes ignored', () => {
    const { publicKey } = generateKeyPair(seededRandom(2));
    expect(parsePublicKey(Uint8Array.of(...publicKey, 1, 2, 3))).toEqual(publicKey);
    for (const bad of [new Uint8Array(), publicKey.slice(0, 32), Uint8Array.of(4, ...publicKey.slice(1))]) {
      expect(() => parsePublicKey(bad)).toThrow(expect.objectContaining({ code: 'bad-key' }));
    }
  });
});

describe('canonical base keys', () => {
  test.each(curve.canonicalBaseKey.cases)('$u in range: $inRange', ({ u, inRange }) => {
    expect(isInRange(hex(u))).toBe(inRange);
  });

  test('ordinary keys are canonical, twist points and points with torsion are not', () => {
    const { publicKey } = generateKeyPair(seededRandom(3));
    expect(isCanonicalPublicKey(publicKey)).toBe(true);
    const zero = publicKeyFromRaw(new Uint8Array(32));
    expect(isCanonicalPublicKey(zero)).toBe(false);
    const two = new Uint8Array(32);
    two[0] = 2; // u = 2 lies on the twist
    expect(isCanonicalPublicKey(publicKeyFromRaw(two))).toBe(false);
  });
});

describe('XEdDSA', () => {
  test('accepts the public signature and refuses it with any byte changed', () => {
    const { publicRaw, message, signature } = curve.xeddsaVerify;
    const key = publicKeyFromRaw(hex(publicRaw).slice(-32));
    expect(verify(key, hex(message), hex(signature))).toBe(true);
    for (let i = 0; i < 64; i++) {
      const altered = hex(signature);
      altered[i] = (altered[i] ?? 0) ^ 1;
      expect(verify(key, hex(message), altered), `byte ${i}`).toBe(false);
    }
  });

  test.each(xeddsa.signedByLibsignal)('accepts libsignal signature $signature', (v) => {
    expect(toHex(keyPairFromPrivate(hex(v.private)).publicKey)).toBe(v.public);
    expect(verify(hex(v.public), hex(v.message), hex(v.signature))).toBe(v.valid);
  });

  test.each(xeddsa.deterministicSign)('signs to $signature', (v) => {
    const { random } = recordedRandom([hex(v.z)]);
    expect(toHex(sign(hex(v.private), hex(v.message), random))).toBe(v.signature);
    expect(verify(hex(v.public), hex(v.message), hex(v.signature))).toBe(true);
  });

  test.each(xeddsa.verifierCornerCases)('corner case: $why', (v) => {
    expect(verify(hex(v.public), hex(v.message), hex(v.signature))).toBe(v.valid);
  });

  test('a signature of another length is just invalid', () => {
    const alice = generateKeyPair(seededRandom(4));
    const signature = sign(alice.privateKey, new Uint8Array(3), seededRandom(5));
    expect(verify(alice.publicKey, new Uint8Array(3), signature)).toBe(true);
    expect(verify(alice.publicKey, new Uint8Array(3), signature.slice(0, 63))).toBe(false);
  });
});

describe('service ids', () => {
  interface Case {
    string: string;
    fixedWidth: string;
    variableWidth: string;
  }
  test.each((vectors('public-service-id') as { cases: Case[] }).cases)('$string', (v) => {
    expect(toHex(serviceIdFixedWidth(v.string) ?? new Uint8Array())).toBe(v.fixedWidth);
    expect(toHex(serviceIdVariableWidth(v.string) ?? new Uint8Array())).toBe(v.variableWidth);
    expect(serviceIdFixedWidth(v.string.toUpperCase())).toEqual(serviceIdFixedWidth(v.string));
  });

  test('other spellings are not service ids', () => {
    for (const name of ['alice', '8c78cd2a16ff427d83dc1a5e36ce713d', '{8c78cd2a-16ff-427d-83dc-1a5e36ce713d}', '']) {
      expect(serviceIdFixedWidth(name)).toBeNull();
    }
  });
});
