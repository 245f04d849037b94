import { createHash } from 'node:crypto';

import { limits, RESET_CLAIM, TOKEN_AUDIENCE, type Aci, type AppId } from '@sotto/protocol';
import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  importJWK,
  importSPKI,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';

import { RelayError } from '../errors.js';
import type { Clock } from '../platform.js';
import type { AppConfig } from './app.js';
import { aciOf } from './user.js';

/** What a verified token says. The user's name is not among it. */
export interface Login {
  app: AppId;
  user: Aci;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** Present when the token carries the reset claim: a hash that tells this token, and when it was issued. */
  reset?: { hash: Uint8Array; issuedAt: number };
}

export interface TokenVerifier {
  /** Rejects with `token-missing`, `token-invalid`, `token-expired` or `app-unknown`. */
  verify(token: string): Promise<Login>;
}

/** Clocks of app backends are a few seconds off. */
const CLOCK_TOLERANCE_SECONDS = 5;

type Verify = (token: string, now: Date) => Promise<JWTPayload>;

/** The key is chosen by `iss`, the algorithm pinned per app, `aud`, `exp` and `sub` required. */
export function tokenVerifier(apps: readonly AppConfig[], clock: Clock): TokenVerifier {
  const verifiers = new Map<string, Verify>(apps.map((app) => [app.id, verifierOf(app)]));
  return {
    async verify(token) {
      if (token === '') throw new RelayError('token-missing');
      if (token.length > limits.MAX_TOKEN_LENGTH) throw new RelayError('token-invalid');
      const issuer = issuerOf(token);
      const verify = verifiers.get(issuer);
      if (!verify) throw new RelayError('app-unknown');
      try {
        return toLogin(issuer as AppId, token, await verify(token, new Date(clock.now())));
      } catch (error) {
        throw toRefusal(error);
      }
    },
  };
}

function issuerOf(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss === 'string') return iss;
  } catch (error) {
    throw toRefusal(error);
  }
  throw new RelayError('token-invalid', 'The token names no issuer.');
}

function verifierOf(app: AppConfig): Verify {
  const key = keyOf(app);
  return async (token, now) => {
    const { payload } = await jwtVerify(token, key, {
      issuer: app.id,
      audience: TOKEN_AUDIENCE,
      algorithms: [app.algorithm],
      requiredClaims: ['exp', 'sub'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
    return payload;
  };
}

function keyOf(app: AppConfig): JWTVerifyGetKey {
  if ('jwksUrl' in app)
    return createRemoteJWKSet(new URL(app.jwksUrl), { timeoutDuration: 5_000, cooldownDuration: 30_000 });
  const key =
    'secret' in app
      ? Promise.resolve(new TextEncoder().encode(app.secret))
      : typeof app.publicKey === 'string'
        ? importSPKI(app.publicKey, app.algorithm)
        : importJWK(app.publicKey, app.algorithm);
  // A key that cannot be read refuses every token of its app; the rejection must not go unhandled until then.
  key.catch(() => undefined);
  return () => key;
}

function toLogin(app: AppId, token: string, payload: JWTPayload): Login {
  const { sub, exp, iat, jti } = payload;
  if (typeof sub !== 'string' || sub === '' || Buffer.byteLength(sub) > limits.MAX_USER_NAME_BYTES) {
    throw new RelayError('token-invalid', 'The token names no user, or one with too long a name.');
  }
  if (exp === undefined) throw new RelayError('token-invalid');
  const login: Login = { app, user: aciOf(app, sub), expiresAt: exp * 1000 };
  if (payload[RESET_CLAIM] !== true || iat === undefined) return login;
  const name = jti === undefined ? `token\0${token}` : `jti\0${jti}`;
  return { ...login, reset: { hash: createHash('sha256').update(name).digest(), issuedAt: iat * 1000 } };
}

function toRefusal(error: unknown): RelayError {
  if (error instanceof RelayError) return error;
  if (error instanceof errors.JWTExpired) return new RelayError('token-expired', undefined, { cause: error });
  if (error instanceof errors.JWKSTimeout || (error instanceof TypeError && error.message === 'fetch failed')) {
    return new RelayError('unavailable', 'The app\u2019s keys cannot be fetched right now.', { cause: error });
  }
  return new RelayError('token-invalid', undefined, { cause: error });
}
