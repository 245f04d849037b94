/** X25519 through WebCrypto, several times faster than in JavaScript where the platform has it. */
import { clampPrivateKey, publicKeyFromRaw, rawPublicKey, type KeyPair } from '../keys/curve25519.js';
import { equalBytes } from '../primitives/constant-time.js';
import type { AgreementFunction } from '../keys/agreement.js';
import { findSubtle, source, type Subtle, type SubtleKey } from './platform.js';

const ALGORITHM = 'X25519';

export interface WebCryptoX25519 {
  readonly agree: AgreementFunction;
  /** Draws from the platform's own random source. */
  readonly generateKeyPair: () => Promise<KeyPair>;
}

/** The functions, or null where the platform's WebCrypto has no X25519 or fails a round trip. */
export async function webCryptoX25519(): Promise<WebCryptoX25519 | null> {
  const subtle = findSubtle();
  if (subtle === null) return null;
  const imported: ImportedKeys = new WeakMap();
  const functions = { agree: createAgree(subtle, imported), generateKeyPair: createGenerate(subtle, imported) };
  try {
    const [alice, bob] = await Promise.all([functions.generateKeyPair(), functions.generateKeyPair()]);
    const ours = await functions.agree(alice, bob.publicKey);
    // A copy has to be imported.
    const theirs = await functions.agree({ ...bob }, alice.publicKey);
    return ours.length === 32 && equalBytes(ours, theirs) ? functions : null;
  } catch {
    return null;
  }
}

/**
 * Private keys that the platform holds already: a handshake uses the same ones several times. Gone with the key pair
 * object.
 */
type ImportedKeys = WeakMap<KeyPair, Promise<SubtleKey>>;

/** JWK, because importing a PKCS #8 key takes OpenSSL five times as long. */
function importPrivate(subtle: Subtle, { publicKey, privateKey }: KeyPair): Promise<SubtleKey> {
  const jwk = { kty: 'OKP', crv: ALGORITHM, x: toBase64Url(rawPublicKey(publicKey)), d: toBase64Url(privateKey) };
  return subtle.importKey('jwk', jwk, ALGORITHM, false, ['deriveBits']);
}

function createAgree(subtle: Subtle, imported: ImportedKeys): AgreementFunction {
  return async (ours, theirs) => {
    const importing = imported.get(ours) ?? importPrivate(subtle, ours);
    imported.set(ours, importing);
    const [privateKey, publicKey] = await Promise.all([
      importing,
      subtle.importKey('raw', source(rawPublicKey(theirs)), ALGORITHM, false, []),
    ]);
    return new Uint8Array(await subtle.deriveBits({ name: ALGORITHM, public: publicKey }, privateKey, 256));
  };
}

function createGenerate(subtle: Subtle, imported: ImportedKeys): WebCryptoX25519['generateKeyPair'] {
  return async () => {
    const pair = await subtle.generateKey(ALGORITHM, true, ['deriveBits']);
    if (!('privateKey' in pair)) throw new TypeError('WebCrypto made no key pair');
    const { x, d } = await subtle.exportKey('jwk', pair.privateKey);
    if (x === undefined || d === undefined) throw new TypeError('WebCrypto exported no key');
    const keys = { publicKey: publicKeyFromRaw(fromBase64Url(x)), privateKey: clampPrivateKey(fromBase64Url(d)) };
    imported.set(keys, Promise.resolve(pair.privateKey));
    return keys;
  };
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}
