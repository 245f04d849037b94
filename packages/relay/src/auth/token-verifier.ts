import { createHash } from 'node:crypto';

import { limits, RESET_CLAIM, TOKEN_AUDIENCE, type Aci, type AppId } from '@sotto/protocol';
import { decodeJwt, errors } from 'jose';

import { KeysUnavailable } from '../apps/jwks.js';
import { verifyWith, type VerificationKey, type Verified } from '../apps/verification.js';
import { RelayError } from '../errors.js';
import type { Clock } from '../platform.js';
import { aciOf } from './user.js';

/** What a verified token says. The user's name is not among it. */
export interface Login {
  app: AppId;
  user: Aci;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** Fingerprint of the key that signed the token; absent where there are no keys, as in a simulation. */
  key?: string;
  /** Present when the token carries the reset claim: a hash that tells this token, and when it was issued. */
  reset?: { hash: Uint8Array; issuedAt: number };
}

export interface TokenVerifier {
  /** Rejects with `token-missing`, `token-invalid`, `token-expired`, `app-unknown`, `app-suspended` or `unavailable`. */
  verify(token: string): Promise<Login>;
}

/** Clocks of app backends are a few seconds off. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** What the verifier asks about apps: `AppRegistry`. */
interface Apps {
  refusal(app: AppId): 'app-unknown' | 'app-suspended' | null;
  keys(app: AppId): readonly VerificationKey[];
}

/** The key is chosen by `iss` and `kid`, the algorithm pinned to the key, `aud`, `exp` and `sub` required. */
export function tokenVerifier(apps: Apps, clock: Clock): TokenVerifier {
  return {
    async verify(token) {
      if (token === '') throw new RelayError('token-missing');
      if (token.length > limits.MAX_TOKEN_LENGTH) throw new RelayError('token-invalid');
      const app = issuerOf(token) as AppId;
      const refusal = apps.refusal(app);
      if (refusal === 'app-unknown') throw new RelayError(refusal);
      if (refusal) throw new RelayError(refusal, undefined, { app });
      try {
        return toLogin(app, token, await payloadOf(token, app, apps.keys(app), new Date(clock.now())));
      } catch (error) {
        // The app is one of ours, so its name may stand in the audit log; whatever else a token claims may not.
        throw toRefusal(error, app);
      }
    },
  };
}

function payloadOf(token: string, app: AppId, keys: readonly VerificationKey[], now: Date): Promise<Verified> {
  if (keys.length === 0) throw new RelayError('unavailable', 'The relay has no key of this app that it can use.');
  return verifyWith(keys, token, {
    issuer: app,
    audience: TOKEN_AUDIENCE,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: now,
  });
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

function toLogin(app: AppId, token: string, { payload, key }: Verified): Login {
  const { sub, exp, iat, jti } = payload;
  if (typeof sub !== 'string' || sub === '' || Buffer.byteLength(sub) > limits.MAX_USER_NAME_BYTES) {
    throw new RelayError('token-invalid', 'The token names no user, or one with too long a name.');
  }
  if (exp === undefined) throw new RelayError('token-invalid');
  const login: Login = { app, user: aciOf(app, sub), expiresAt: exp * 1000, key };
  if (payload[RESET_CLAIM] !== true || iat === undefined) return login;
  const name = jti === undefined ? `token\0${token}` : `jti\0${jti}`;
  return { ...login, reset: { hash: createHash('sha256').update(name).digest(), issuedAt: iat * 1000 } };
}

function toRefusal(error: unknown, app?: AppId): RelayError {
  const named = app !== undefined && { app };
  if (error instanceof RelayError) return new RelayError(error.code, error.message, { ...named, cause: error.cause });
  if (error instanceof errors.JWTExpired) return new RelayError('token-expired', undefined, { ...named, cause: error });
  if (error instanceof KeysUnavailable) {
    const message = 'The app\u2019s keys cannot be fetched right now.';
    return new RelayError('unavailable', message, { ...named, cause: error.cause ?? error });
  }
  return new RelayError('token-invalid', undefined, { ...named, cause: error });
}
