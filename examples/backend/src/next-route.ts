import type { SessionStore } from './session.js';
import { sottoHandler } from './fetch-handler.js';

/** Next: what `app/sotto-token/route.ts` does. `export const { POST } = nextRoute(process.env, sessions);` */
export function nextRoute(
  environment: Readonly<Record<string, string | undefined>>,
  sessions: SessionStore,
): { POST: (request: Request) => Promise<Response> } {
  const { SOTTO_APP: app, SOTTO_SECRET: secret } = environment;
  if (app === undefined || secret === undefined) throw new Error('SOTTO_APP and SOTTO_SECRET are not set.');
  return { POST: sottoHandler({ app, secret, sessions }) };
}
