import { createHash, createPublicKey, KeyObject } from 'node:crypto';

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  jwksCache,
  type CryptoKey,
  type ExportedJWKSCache,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose';
import * as z from 'zod';

/** A set of a hundred keys is a tenth of this. */
const MAX_JWKS_BYTES = 256 * 1024;
const FETCH_TIMEOUT_MS = 5_000;

/** A set is fetched anew after this; a key that was taken out of it is refused from then on. */
const MAX_AGE_MS = 10 * 60_000;

/** An unknown `kid` causes a fetch, but not more often than this. */
const COOLDOWN_MS = 30_000;

/** After a fetch that failed the next one waits, or every login would wait for a server that is down. */
const FAILURE_COOLDOWN_MS = 5_000;

/** How long the last good set serves while its server cannot be reached. */
const MAX_STALE_MS = 24 * 3_600_000;

/** The app's key set cannot be fetched, and there is none from before. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
  readonly code = 'keys-unavailable';

  constructor(cause?: unknown) {
    super('The key set cannot be fetched.', { cause });
  }
}

/** Until a set was fetched. */
const NONE: JSONWebKeySet = { keys: [] };

/** The keys behind a URL, cached and renewed. */
export interface RemoteKeys {
  find: JWTVerifyGetKey;
  /** Whether the last good set has this key: see {@link publicKeyId}. Before there is one nothing is known to be missing. */
  holds(id: string): boolean;
  /** Fetches the set anew if one was fetched and is too old by now. Never rejects. */
  renew(): Promise<void>;
}

/** @param onError hears of fetches that failed; they keep the last good set */
export function remoteKeys(url: string, onError: (error: unknown) => void): RemoteKeys {
  const cache: ExportedJWKSCache = { uat: -Infinity, jwks: NONE };
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    [customFetch]: boundedFetch,
    [jwksCache]: cache,
  });
  let failedAt = -Infinity;
  let known: { jwks: JSONWebKeySet; ids: ReadonlySet<string> } | null = null;

  const failed = (error: unknown) => {
    failedAt = Date.now();
    onError(error);
  };

  const fallback: JWTVerifyGetKey = async (header, token) => {
    const { jwks, uat } = cache;
    if (jwks === NONE || Date.now() > uat + MAX_STALE_MS) throw new KeysUnavailable();
    try {
      return await createLocalJWKSet(jwks)(header, token);
    } catch (error) {
      // Its key may be one that the server has, but cannot tell us now.
      throw error instanceof errors.JWKSNoMatchingKey ? new KeysUnavailable(error) : error;
    }
  };

  const hasJustFailed = () => Date.now() < failedAt + FAILURE_COOLDOWN_MS;

  return {
    async find(header, token) {
      if (hasJustFailed()) return fallback(header, token);
      try {
        return await remote(header, token);
      } catch (error) {
        if (isAnswer(error)) throw error;
        failed(error);
        return fallback(header, token);
      }
    },

    holds(id) {
      const { jwks } = cache;
      if (jwks === NONE) return true;
      if (known?.jwks !== jwks) known = { jwks, ids: idsOf(jwks) };
      return known.ids.has(id);
    },

    async renew() {
      if (cache.jwks !== NONE && !remote.fresh && !hasJustFailed()) await remote.reload().catch(failed);
    },
  };
}

/** Tells a public key from every other, however it is written in a set. */
export function publicKeyId(key: CryptoKey): string {
  return idOf(KeyObject.from(key));
}

function idOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

/** A key that cannot be read has signed no token that was believed. */
function idsOf({ keys }: JSONWebKeySet): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const key of keys) {
    try {
      ids.add(idOf(createPublicKey({ key, format: 'jwk' })));
    } catch {
      continue;
    }
  }
  return ids;
}

/** One without keys says more likely that its server is not in order than that nobody may log in any more. */
const keySet = z.looseObject({ keys: z.array(z.looseObject({})).min(1, 'The key set is empty.') });

/** The set was there; it only does not hold the one key. */
function isAnswer(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
}

/** No redirects (they could lead into the operator's own network), and no more bytes than a key set has. */
async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: 'manual' });
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel();
    throw new Error(`The key set answered with status ${response.status}.`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_JWKS_BYTES) throw new Error('The key set is too large.');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString();
  keySet.parse(JSON.parse(body));
  return new Response(body, { status: 200 });
}
