import { fromBase64Url, toBase64Url, type AppId } from '@sotto/protocol';
import { aciOf, RelayError, type Login, type TokenVerifier } from '@sotto/relay';

export const APP = 'sim' as AppId;

interface Claims {
  iss: string;
  sub: string;
  aud: string;
  iat: number;
  exp: number;
}

/** What the app's backend would give: unsigned, for checking signatures needs WebCrypto, which leaves the scheduler. */
export function makeToken(user: string, now: number, lifetimeMs: number): string {
  const seconds = Math.floor(now / 1000);
  const claims: Claims = { iss: APP, sub: user, aud: 'sotto', iat: seconds, exp: seconds + lifetimeMs / 1000 };
  return `e30.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}.x`;
}

/** @param now milliseconds since the epoch */
export function simulatedVerifier(now: () => number): TokenVerifier {
  return {
    verify: async (token): Promise<Login> => {
      const bytes = fromBase64Url(token.split('.')[1] ?? '');
      if (!bytes) throw new RelayError('token-invalid');
      const { iss, sub, exp } = JSON.parse(new TextDecoder().decode(bytes)) as Claims;
      if (iss !== APP) throw new RelayError('app-unknown');
      if (exp * 1000 + 5_000 < now()) throw new RelayError('token-expired');
      return { app: APP, user: aciOf(APP, sub), expiresAt: exp * 1000 };
    },
  };
}
