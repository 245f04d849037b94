import { createHash } from 'node:crypto';

import {
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type CryptoKey,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';

import type { App } from './app.js';
import { importKey, MAX_APP_KEYS, type AppKey } from './app-key.js';
import { KeysUnavailable, publicKeyId, remoteKeys, type RemoteKeys } from './jwks.js';

/** One key of an app, ready to verify with. */
export interface VerificationKey extends Pick<AppKey, 'kid' | 'algorithm' | 'expiresAt'> {
  find: JWTVerifyGetKey;
  /** What tells the key that verified a token from every other, on every node and whenever its app is read: hashes. */
  fingerprint(verifiedWith: CryptoKey | Uint8Array): string;
  /** Whether this is, or has, the key of that fingerprint. */
  has(fingerprint: string): boolean;
}

/** What a token says, and the fingerprint of the key that it was verified with. */
export interface Verified {
  payload: JWTPayload;
  key: string;
}

/** Key sets by their URL: they outlive changes of the apps that name them. */
export class KeySets {
  readonly #sets = new Map<string, RemoteKeys>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get(url: string): RemoteKeys {
    const set = this.#sets.get(url) ?? remoteKeys(url, this.#onError);
    this.#sets.set(url, set);
    return set;
  }

  /** Forgets the sets that no app names any more. */
  keep(urls: ReadonlySet<string>): void {
    for (const url of this.#sets.keys()) if (!urls.has(url)) this.#sets.delete(url);
  }

  /** Sets that are too old are fetched anew, also where nobody logs in. */
  async renew(): Promise<void> {
    await Promise.all([...this.#sets.values()].map((set) => set.renew()));
  }
}

export function verificationKeys({ keys }: Pick<App, 'keys'>, sets: KeySets): VerificationKey[] {
  return keys.map(({ kid, algorithm, expiresAt, material }) => {
    const own = createHash('sha256')
      .update(JSON.stringify([kid, algorithm, material]))
      .digest('base64url');
    const pinned = { kid, algorithm, expiresAt };
    if ('jwksUrl' in material) return { ...pinned, ...keyOfSet(own, sets.get(material.jwksUrl)) };
    const key = importKey({ algorithm, material });
    // A key that cannot be read refuses every token; the rejection must not go unhandled until then.
    key.catch(() => undefined);
    return { ...pinned, find: () => key, fingerprint: () => own, has: (fingerprint) => fingerprint === own };
  });
}

/** A set has many keys: the fingerprint says which. */
function keyOfSet(own: string, set: RemoteKeys): Pick<VerificationKey, 'find' | 'fingerprint' | 'has'> {
  const prefix = `${own}.`;
  return {
    find: set.find,
    fingerprint: (key) => (key instanceof Uint8Array ? own : prefix + publicKeyId(key)),
    has: (fingerprint) => fingerprint.startsWith(prefix) && set.holds(fingerprint.slice(prefix.length)),
  };
}

/**
 * Verifies with the key that the token names, or else with each that it may be for: those of its algorithm whose grace
 * period is not over. Rejects as `jose` does, or with `KeysUnavailable`.
 */
export async function verifyWith(
  keys: readonly VerificationKey[],
  token: string,
  options: JWTVerifyOptions & { currentDate: Date },
): Promise<Verified> {
  const { alg, kid } = decodeProtectedHeader(token);
  const now = options.currentDate.getTime();
  const usable = keys.filter((key) => key.algorithm === alg && isUsable(key, now));
  const named = usable.filter((key) => kid !== undefined && key.kid === kid);
  let failure: unknown = new errors.JWSSignatureVerificationFailed('No key of the app fits.');
  for (const key of (named.length > 0 ? named : usable).slice(0, MAX_APP_KEYS)) {
    try {
      return await verifyWithKey(key, token, options);
    } catch (error) {
      if (!isOtherKey(error)) throw error;
      // A set that cannot be fetched might have held the key: waiting may help, so that is what is told in the end.
      if (!(failure instanceof KeysUnavailable)) failure = error;
    }
  }
  throw failure;
}

/** Its grace period, if it has one, is not over. */
export function isUsable({ expiresAt }: Pick<VerificationKey, 'expiresAt'>, now: number): boolean {
  return expiresAt === null || now < expiresAt;
}

async function verifyWithKey(key: VerificationKey, token: string, options: JWTVerifyOptions): Promise<Verified> {
  const strict = { ...options, algorithms: [key.algorithm] };
  try {
    const { payload, key: used } = await jwtVerify(token, key.find, strict);
    return { payload, key: key.fingerprint(used) };
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    const { payload, used } = await verifyWithEach(error, token, strict);
    return { payload, key: key.fingerprint(used) };
  }
}

/** A token without `kid`, and a key set with several keys that it may be for. */
async function verifyWithEach(
  matching: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<{ payload: JWTPayload; used: CryptoKey }> {
  let tried = 0;
  for await (const key of matching) {
    if (++tried > MAX_APP_KEYS) break;
    try {
      return { payload: (await jwtVerify(token, key, options)).payload, used: key };
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function isOtherKey(error: unknown): boolean {
  return (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof KeysUnavailable
  );
}
