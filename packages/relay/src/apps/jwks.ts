import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';

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

/**
 * The keys behind a URL, cached and renewed. Failures keep the last good set.
 *
 * @param onError hears of fetches that failed
 */
export function remoteKeys(url: string, onError: (error: unknown) => void): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    [customFetch]: boundedFetch,
  });
  let failedAt = -Infinity;
  let goodAt = -Infinity;

  const fallback: JWTVerifyGetKey = async (header, token) => {
    const last = remote.jwks();
    if (!last || Date.now() > goodAt + MAX_STALE_MS) throw new KeysUnavailable();
    try {
      return await createLocalJWKSet(last)(header, token);
    } catch (error) {
      // Its key may be one that the server has, but cannot tell us now.
      throw error instanceof errors.JWKSNoMatchingKey ? new KeysUnavailable(error) : error;
    }
  };

  return async (header, token) => {
    if (Date.now() < failedAt + FAILURE_COOLDOWN_MS) return fallback(header, token);
    try {
      const key = await remote(header, token);
      if (remote.fresh) goodAt = Date.now();
      return key;
    } catch (error) {
      if (isAnswer(error)) throw error;
      failedAt = Date.now();
      onError(error);
      return fallback(header, token);
    }
  };
}

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
  return new Response(Buffer.concat(chunks), { status: 200 });
}
