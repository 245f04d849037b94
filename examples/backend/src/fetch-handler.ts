import { sessionIdIn } from './session.js';
import { tokenFor, type Settings } from './sotto-token.js';

/** Anything that speaks Request and Response: Hono, Bun, Deno, Cloudflare Workers, SvelteKit, Remix. */
export function sottoHandler(settings: Settings): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'POST') return new Response('POST', { status: 405, headers: { allow: 'POST' } });
    const token = await tokenFor(settings, sessionIdIn(request.headers.get('cookie')));
    const headers = { 'cache-control': 'no-store', 'content-type': 'text/plain' };
    return token === null ? new Response('log in first', { status: 401, headers }) : new Response(token, { headers });
  };
}
