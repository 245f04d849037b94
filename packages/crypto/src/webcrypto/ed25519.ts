/**
 * XEdDSA signatures through WebCrypto's Ed25519, several times faster than ours.
 *
 * Both rest on the same curve and equation; what differs is checked here. Signing: only for keys that were made from an Ed25519
 * seed. Verifying: what WebCrypto accepts, XEdDSA accepts (S < L is a narrower rule than XEdDSA's S < 2^253, and a public key of
 * small order never gets there); what WebCrypto refuses is judged again by our own verifier, so that the result is always ours.
 */
import type { Ed25519Origin } from '../groups/sender-key-record.js';
import { parsePublicKey, rawPublicKey } from '../keys/curve25519.js';
import { edwardsFromMontgomery } from '../keys/edwards.js';
import { SIGNATURE_LENGTH, verify } from '../keys/xeddsa.js';
import { concat, toHex } from '../primitives/bytes.js';
import { findSubtle, source, type Subtle, type SubtleKey } from './platform.js';

/** PKCS#8 header of a 32-byte Ed25519 seed (RFC 8410 §7). */
const PKCS8_PREFIX = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);
const ALGORITHM = 'Ed25519';
/** Signers of one busy group; beyond it the keys imported first are imported again. */
const MAX_CACHED_KEYS = 512;

export interface WebCryptoEd25519 {
  /** XEdDSA signature (64 bytes) of the private key that `origin` made. */
  readonly sign: (origin: Ed25519Origin, message: Uint8Array) => Promise<Uint8Array>;
  /** As `verify`: same arguments, same answer. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>;
}

/** The functions, or null where the platform's WebCrypto has no Ed25519. */
export async function webCryptoEd25519(): Promise<WebCryptoEd25519 | null> {
  const subtle = findSubtle();
  if (subtle === null) return null;
  try {
    await subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  } catch {
    return null;
  }
  return { sign: createSign(subtle), verify: createVerify(subtle) };
}

function createSign(subtle: Subtle): WebCryptoEd25519['sign'] {
  // By public key: a record loaded again is the same signer, and importing costs several times what signing does.
  const imported = new Map<string, Promise<SubtleKey>>();
  const importSeed = (seed: Uint8Array): Promise<SubtleKey> =>
    subtle.importKey('pkcs8', source(concat(PKCS8_PREFIX, seed)), ALGORITHM, false, ['sign']);
  return async ({ seed, publicKey }, message) => {
    const key = await remembered(imported, toHex(publicKey), () => importSeed(seed));
    const signature = new Uint8Array(await subtle.sign(ALGORITHM, key, source(message)));
    signature[63] = ((signature[63] ?? 0) & 0x7f) | ((publicKey[31] ?? 0) & 0x80);
    return signature;
  };
}

function createVerify(subtle: Subtle): WebCryptoEd25519['verify'] {
  const imported = new Map<string, Promise<SubtleKey | null>>();
  return async (publicKey, message, signature) => {
    const u = rawPublicKey(parsePublicKey(publicKey));
    if (signature.length !== SIGNATURE_LENGTH) return false;
    const sign = (signature[63] ?? 0) >= 0x80 ? 1 : 0;
    const key = await remembered(imported, `${sign}${toHex(u)}`, () => importPublicKey(subtle, u, sign));
    if (key !== null) {
      const plain = signature.slice();
      plain[63] = (plain[63] ?? 0) & 0x7f;
      if (await subtle.verify(ALGORITHM, key, source(plain), source(message))) return true;
    }
    return verify(publicKey, message, signature);
  };
}

/** null for keys whose signatures only our own verifier may judge. */
async function importPublicKey(subtle: Subtle, u: Uint8Array, sign: 0 | 1): Promise<SubtleKey | null> {
  const point = edwardsFromMontgomery(u, sign);
  if (point === null || point.isSmallOrder()) return null;
  try {
    return await subtle.importKey('raw', source(point.toBytes()), ALGORITHM, false, ['verify']);
  } catch {
    return null;
  }
}

function remembered<K>(imported: Map<string, Promise<K>>, name: string, make: () => Promise<K>): Promise<K> {
  const known = imported.get(name);
  if (known !== undefined) return known;
  const made = make();
  imported.set(name, made);
  const [oldest] = imported.keys();
  if (imported.size > MAX_CACHED_KEYS && oldest !== undefined) imported.delete(oldest);
  return made;
}
