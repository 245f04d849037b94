import { fromBase64Url, type AppId } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { Clock } from '../util/clock.js';

/** The app's callback: fetches a login token (JWT) from its backend. */
export type TokenSource = () => string | Promise<string>;

/** The app's callback failed or gave something that is no token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';

  constructor(
    readonly code: 'token-failed' | 'wrong-user',
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

const claims = s.object({ sub: s.string(), iss: s.string(), exp: s.number(), iat: s.optional(s.number()) });

/** A token is fetched anew when less than this is left of it: a request must not outlive it on the way. */
const SPARE_MS = 10_000;

/** However short-lived a token is, the backend is not asked more often than this. */
const SHORTEST_REFRESH_MS = 30_000;

/**
 * A backend that has not answered by then has failed: the app is asked again, and what comes of the first call no longer counts.
 */
const ANSWERS_WITHIN_MS = 60_000;

/** The login token: fetched once at a time, only when needed, and kept while it is good. */
export class Tokens {
  #current: { token: string; expiresAt: number } | null = null;
  #fetching: Promise<string> | null = null;
  readonly #fetch: TokenSource;
  readonly #app: AppId;
  readonly #user: string;
  readonly #clock: Clock;

  constructor(fetch: TokenSource, app: AppId, user: string, clock: Clock) {
    this.#fetch = fetch;
    this.#app = app;
    this.#user = user;
    this.#clock = clock;
  }

  /** @throws TokenError */
  get(): Promise<string> {
    if (this.#current && this.#current.expiresAt - SPARE_MS > this.#clock.now())
      return Promise.resolve(this.#current.token);
    return this.refresh();
  }

  /**
   * Fetches another; until it is there, or if it cannot be had, the old one serves as long as it is good.
   *
   * @throws TokenError
   */
  refresh(): Promise<string> {
    this.#fetching ??= this.#load().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  /** The relay refused it: the next {@link get} fetches another. */
  reject(): void {
    this.#current = null;
  }

  /** Milliseconds until the token should be replaced on a living socket; null while there is none. */
  get refreshInMs(): number | null {
    return (
      this.#current && Math.max(SHORTEST_REFRESH_MS, (this.#current.expiresAt - this.#clock.now()) * 0.8 - SPARE_MS)
    );
  }

  async #load(): Promise<string> {
    let token: string;
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(ANSWERS_WITHIN_MS, () => reject(new Error('the token callback does not answer')));
    });
    try {
      token = (await Promise.race([this.#fetch(), late])).trim();
    } catch (cause) {
      throw new TokenError('token-failed', { cause });
    } finally {
      cancel();
    }
    const parsed = readClaims(token);
    if (!parsed) throw new TokenError('token-failed', { cause: new Error('the token callback did not return a JWT') });
    if (parsed.sub !== this.#user || parsed.iss !== this.#app) {
      this.#current = null;
      throw new TokenError('wrong-user');
    }
    // By the lifetime, where it is known: this device's clock may be wrong by hours.
    const now = this.#clock.now();
    const expiresAt = parsed.iat === undefined ? parsed.exp * 1000 : now + (parsed.exp - parsed.iat) * 1000;
    this.#current = { token, expiresAt };
    return token;
  }
}

/** Reads without verifying: the relay verifies; here it only keeps one person's device from another's token. */
function readClaims(token: string): s.Infer<typeof claims> | null {
  const bytes = fromBase64Url(token.split('.')[1] ?? '');
  if (!bytes) return null;
  try {
    const parsed = s.safeParse(claims, JSON.parse(new TextDecoder().decode(bytes)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
