import { generateKeyPair, sign, verify, webCryptoEd25519 } from '@sotto/crypto';
import { createFingerprint, matchesScanned } from '@sotto/crypto/fingerprint';
import * as S from '@signalapp/libsignal-client';
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { buffer } from '../src/official-stores.js';
import { systemRandom } from '../src/random.js';

describe('fingerprints', () => {
  test.each([1, 2])('version %i: equal on both sides and in both libraries, and each scans the other', (version) => {
    const [alice, bob] = [generateKeyPair(systemRandom).publicKey, generateKeyPair(systemRandom).publicKey];
    const [aliceId, bobId] = [systemRandom(16), systemRandom(16)];
    const ours = createFingerprint({
      version,
      local: { id: aliceId, identityKey: alice },
      remote: { id: bobId, identityKey: bob },
    });
    const [aliceKey, bobKey] = [S.PublicKey.deserialize(buffer(alice)), S.PublicKey.deserialize(buffer(bob))];
    const forAlice = S.Fingerprint.new(5200, version, buffer(aliceId), aliceKey, buffer(bobId), bobKey);
    const forBob = S.Fingerprint.new(5200, version, buffer(bobId), bobKey, buffer(aliceId), aliceKey);
    expect(ours.displayable).toBe(forAlice.displayableFingerprint().toString());
    expect(ours.displayable).toBe(forBob.displayableFingerprint().toString());
    expect(Buffer.from(ours.scannable)).toEqual(Buffer.from(forAlice.scannableFingerprint().toBuffer()));
    expect(matchesScanned(ours.scannable, forBob.scannableFingerprint().toBuffer())).toBe(true);
    expect(forBob.scannableFingerprint().compare(S.ScannableFingerprint._fromBuffer(buffer(ours.scannable)))).toBe(
      true,
    );
  });
});

/** A key pair made from an Ed25519 seed, and how the platform signs with it. */
async function seeded() {
  const webCrypto = await webCryptoEd25519();
  if (webCrypto === null) throw new Error('no Ed25519 here');
  const seed = systemRandom(32);
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  const key = S.PrivateKey.deserialize(buffer(scalar));
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const edwards = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  const origin = { seed, publicKey: Uint8Array.from(edwards.export({ format: 'der', type: 'spki' }).subarray(-32)) };
  return { webCrypto, origin, publicKey: key.getPublicKey() };
}

describe('Ed25519 through WebCrypto', () => {
  test('signatures of a seed are XEdDSA signatures to libsignal, for both signs of the key', async () => {
    const signs = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const { webCrypto, origin, publicKey } = await seeded();
      const message = systemRandom(i);
      const signature = await webCrypto.sign(origin, message);
      expect(publicKey.verify(buffer(message), buffer(signature))).toBe(true);
      expect(publicKey.verify(buffer(systemRandom(i + 1)), buffer(signature))).toBe(false);
      signs.add((origin.publicKey[31] ?? 0) >> 7);
    }
    expect(signs).toEqual(new Set([0, 1]));
  });

  test("libsignal's signatures verify through WebCrypto, and altered ones get libsignal's verdict", async () => {
    const { webCrypto } = await seeded();
    for (let i = 0; i < 40; i++) {
      const key = S.PrivateKey.generate();
      const publicKey = key.getPublicKey();
      const message = systemRandom(i);
      const signature = Uint8Array.from(key.sign(buffer(message)));
      expect(await webCrypto.verify(publicKey.serialize(), message, signature)).toBe(true);
      for (const at of [0, 31, 32, 60, 62, 63]) {
        for (const bit of [0x01, 0x20, 0x40, 0x80]) {
          const altered = signature.slice();
          altered[at] = (altered[at] ?? 0) ^ bit;
          const verdict = publicKey.verify(buffer(message), buffer(altered));
          expect(await webCrypto.verify(publicKey.serialize(), message, altered)).toBe(verdict);
          expect(verify(publicKey.serialize(), message, altered)).toBe(verdict);
        }
      }
    }
  });

  test('S + L: accepted by libsignal, by us and through WebCrypto', async () => {
    const { webCrypto } = await seeded();
    const { publicKey, privateKey } = generateKeyPair(systemRandom);
    const message = systemRandom(50);
    const signature = sign(privateKey, message, systemRandom);
    const shifted = addGroupOrder(signature);
    expect(S.PublicKey.deserialize(buffer(publicKey)).verify(buffer(message), buffer(shifted))).toBe(true);
    expect(verify(publicKey, message, shifted)).toBe(true);
    expect(await webCrypto.verify(publicKey, message, shifted)).toBe(true);
  });

  test('keys of small order: whatever libsignal says, we say', async () => {
    const { webCrypto } = await seeded();
    const message = systemRandom(20);
    for (const u of [0n, 1n, 2n ** 255n - 20n, 2n ** 255n - 19n]) {
      const publicKey = Uint8Array.of(5, ...littleEndian(u));
      for (const sign of [0, 0x80]) {
        for (const r of [0n, 1n, 2n ** 255n - 20n]) {
          const signature = Uint8Array.of(...littleEndian(r), ...littleEndian(0n));
          signature[63] = sign;
          const official = S.PublicKey.deserialize(buffer(publicKey)).verify(buffer(message), buffer(signature));
          expect(verify(publicKey, message, signature)).toBe(official);
          expect(await webCrypto.verify(publicKey, message, signature)).toBe(official);
        }
      }
    }
  });
});

const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** The signature with S + L in the place of S; the sign bit stays. */
function addGroupOrder(signature: Uint8Array): Uint8Array {
  const sign = (signature[63] ?? 0) & 0x80;
  let s = 0n;
  for (let i = 31; i >= 0; i--) s = (s << 8n) | BigInt((signature[32 + i] ?? 0) & (i === 31 ? 0x7f : 0xff));
  const shifted = Uint8Array.of(...signature.subarray(0, 32), ...littleEndian(s + GROUP_ORDER));
  shifted[63] = (shifted[63] ?? 0) | sign;
  return shifted;
}
