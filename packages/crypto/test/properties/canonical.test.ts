import { ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { isCanonicalPublicKey } from '../../src/keys/canonical.js';
import { publicKeyFromRaw, rawPublicKey } from '../../src/keys/curve25519.js';
import { edwardsFromMontgomery, type EdwardsPoint, littleEndian, Point } from '../../src/keys/edwards.js';
import { generateKeyPair } from '../../src/index.js';
import { hex } from '../support/bytes.js';
import { seededRandom } from '../support/random.js';

/** The definition: the point exists and L times it is the identity. */
function byDefinition(publicKey: Uint8Array): boolean {
  return edwardsFromMontgomery(rawPublicKey(publicKey), 0)?.isTorsionFree() ?? false;
}

/** u = (1 + y) / (1 - y). */
function montgomeryKey(point: EdwardsPoint): Uint8Array {
  const { Fp } = Point;
  const y = littleEndian(point.toBytes()) & ((1n << 255n) - 1n);
  return publicKeyFromRaw(Fp.toBytes(Fp.mul(Fp.add(1n, y), Fp.inv(Fp.sub(1n, y)))));
}

describe('the canonical check by halving is the one by definition', () => {
  const random = seededRandom(31);
  const torsion = ED25519_TORSION_SUBGROUP.map((encoded) => Point.fromHex(encoded, true));

  test('for honest keys and for the same keys with every torsion point added', () => {
    for (let i = 0; i < 10; i++) {
      const { publicKey } = generateKeyPair(random);
      const point = edwardsFromMontgomery(rawPublicKey(publicKey), 0);
      if (point === null) throw new Error('an honest key is on the curve');
      for (const small of torsion) {
        const shifted = montgomeryKey(point.add(small));
        expect(isCanonicalPublicKey(shifted)).toBe(byDefinition(shifted));
        expect(isCanonicalPublicKey(shifted)).toBe(small.is0());
      }
    }
  });

  test('for random u-coordinates, on the curve or on its twist', () => {
    const verdicts = new Set<boolean>();
    for (let i = 0; i < 60; i++) {
      const u = random(32);
      u[31] = (u[31] ?? 0) & 0x7f;
      const verdict = isCanonicalPublicKey(publicKeyFromRaw(u));
      expect(verdict).toBe(byDefinition(publicKeyFromRaw(u)));
      verdicts.add(verdict);
    }
    expect(verdicts.size).toBe(2);
  });

  test('for the points of small order', () => {
    const smallOrder = [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ];
    for (const u of smallOrder) expect(isCanonicalPublicKey(publicKeyFromRaw(hex(u))), u).toBe(false);
  });
});
