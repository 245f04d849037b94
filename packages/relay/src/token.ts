/**
 * For the backends of apps: login tokens for their users.
 *
 * @module @sotto/relay/token
 */

import { RESET_CLAIM, TOKEN_AUDIENCE } from '@sotto/protocol';
import { importJWK, importPKCS8, SignJWT, type JWK } from 'jose';

/** Whom the token is for, and what signs it. */
export interface MintTokenOptions {
  /** The app's id, as the relay knows it. */
  app: string;
  /** The user's name in the app: 1 to 255 bytes, stable for ever. Becomes `sub`; the relay stores only a hash of it. */
  user: string;
  /** An HS256 secret of at least 32 bytes, or a private key as PKCS#8 PEM or JWK for the other algorithms. */
  key: string | JWK;
  algorithm?: 'HS256' | 'RS256' | 'ES256' | 'EdDSA';
  /** Seconds until the token expires. */
  expiresIn?: number;
  /** Permits the user to reset: only after the person was confirmed anew. Such a token works once, for 5 minutes. */
  reset?: boolean;
}

/** One hour: the SDK fetches a fresh token in time. */
const DEFAULT_SECONDS = 3600;

/** Mints a login token on the app's own backend, after the app has authenticated its user. */
export async function mintToken(options: MintTokenOptions): Promise<string> {
  const { app, user, algorithm = 'HS256', expiresIn = DEFAULT_SECONDS, reset = false } = options;
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ ...(reset && { [RESET_CLAIM]: true }) })
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(app)
    .setAudience(TOKEN_AUDIENCE)
    .setSubject(user)
    .setIssuedAt(now)
    .setExpirationTime(now + expiresIn)
    .setJti(crypto.randomUUID())
    .sign(await signingKey(options.key, algorithm));
}

async function signingKey(key: string | JWK, algorithm: string) {
  if (typeof key !== 'string') return importJWK(key, algorithm);
  return algorithm === 'HS256' ? new TextEncoder().encode(key) : importPKCS8(key, algorithm);
}
