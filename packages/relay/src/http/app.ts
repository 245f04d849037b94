import {
  aci,
  bundlesRequest,
  bundlesResponse,
  deviceListResponse,
  DEVICE_HEADER,
  limits,
  linkTokenResponse,
  putDeviceListRequest,
  putPreKeysRequest,
  registerRequest,
  registerResponse,
  ROUTES,
  VERSION_HEADER,
} from '@sotto/protocol';
import express, { type Express, type Request, type RequestHandler, type Response, type Router } from 'express';
import helmet from 'helmet';
import * as z from 'zod/mini';

import type { AppConfig } from '../auth/app.js';
import type { RelayCore } from '../core.js';
import { RelayError } from '../errors.js';
import { parseOrRefuse } from '../gateway/parse.js';
import { clientAddress } from '../ops/client-address.js';
import { callerOf, loginOf } from './caller.js';
import { notFound, problemHandler } from './problem.js';

export interface HttpOptions {
  core: RelayCore;
  apps: readonly AppConfig[];
  /** Proxies of the operator in front of the relay, whose `x-forwarded-for` is believed. */
  trustedProxies: number;
  onError: (error: unknown) => void;
  /** Health and `--dev`: mounted before the API. */
  extras: Router[];
  /** Served at `/` for everything that no route answers. */
  statics: RequestHandler[];
}

/** The relay's HTTP side: routes of `protocol/http`, CORS, refusals. The work is done in the core's directory. */
export function createHttpApp({ core, apps, trustedProxies, onError, extras, statics }: HttpOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(...extras);
  app.use('/v1', helmet(), cors(apps), addressLimit(core, trustedProxies), apiRouter(core, apps, trustedProxies));
  if (statics.length > 0) app.use(...statics);
  app.use(notFound);
  app.use(
    problemHandler(onError, (refusal, request) => {
      core.refused(refusal, { address: clientAddress(request, trustedProxies), via: 'http' });
    }),
  );
  return app;
}

function apiRouter(core: RelayCore, apps: readonly AppConfig[], trustedProxies: number): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  const json = express.json({ limit: limits.MAX_HTTP_BODY_BYTES, strict: true, type: () => true });

  route(router, ROUTES.register, json, async (request) => {
    const login = await loginOf(request, core, apps);
    await core.limit('registrationsPerAddress', clientAddress(request, trustedProxies));
    await core.limit('registrationsPerUser', `${login.app}/${login.user}`);
    return z.encode(registerResponse, await core.directory.register(login, bodyOf(request, registerRequest)));
  });
  route(router, ROUTES.putDeviceList, json, async (request) => {
    const caller = await callerOf(request, core, apps);
    await core.directory.putDeviceList(caller, bodyOf(request, putDeviceListRequest));
    return { ok: true };
  });
  route(router, ROUTES.getDeviceList, null, async (request) => {
    const { login } = await callerOf(request, core, apps);
    return z.encode(deviceListResponse, await core.directory.getDeviceList(login.app, userOf(request)));
  });
  route(router, ROUTES.linkToken, null, async (request) => {
    const caller = await callerOf(request, core, apps);
    return z.encode(linkTokenResponse, await core.directory.makeLinkToken(caller));
  });
  route(router, ROUTES.putPreKeys, json, async (request) => {
    const caller = await callerOf(request, core, apps);
    return core.directory.putPreKeys(caller, bodyOf(request, putPreKeysRequest));
  });
  route(router, ROUTES.bundles, json, async (request) => {
    const caller = await callerOf(request, core, apps);
    const { devices } = bodyOf(request, bundlesRequest);
    return z.encode(bundlesResponse, await core.directory.bundles(caller, userOf(request), devices));
  });
  route(router, ROUTES.removeSelf, null, async (request) => {
    await core.directory.removeSelf(await callerOf(request, core, apps));
    return { ok: true };
  });
  return router;
}

/** Before anything of a request is read. */
function addressLimit(core: RelayCore, trustedProxies: number): RequestHandler {
  return (request, _response, next) => {
    core.limit('requestsPerAddress', clientAddress(request, trustedProxies)).then(() => {
      next();
    }, next);
  };
}

/** Bodies are bounded before they are parsed, and parsed by the protocol's schema before anything looks at them. */
function route(
  router: Router,
  { method, path }: (typeof ROUTES)[keyof typeof ROUTES],
  json: RequestHandler | null,
  handle: (request: Request) => Promise<unknown>,
): void {
  const verb = method.toLowerCase() as Lowercase<typeof method>;
  const handlers: RequestHandler[] = [
    ...(json ? [json] : []),
    async (request: Request, response: Response) => {
      const body = await handle(request);
      response.set('cache-control', 'no-store').json(body);
    },
  ];
  // In `/v1`, where the router is mounted.
  router[verb](path.slice('/v1'.length), ...handlers);
}

function bodyOf<T extends z.ZodMiniType>(request: Request, schema: T): z.output<T> {
  return parseOrRefuse(schema, request.body);
}

function userOf(request: Request) {
  const user = aci.safeParse(request.params['user']);
  if (!user.success) throw new RelayError('bad-request', 'user: not an ACI');
  return user.data;
}

/**
 * A preflight carries no token, so it is answered for every origin that some app allows; the request itself is then held
 * against its own app's list.
 */
function cors(apps: readonly AppConfig[]): RequestHandler {
  const origins = new Set(apps.flatMap((app) => app.origins));
  return (request, response, next) => {
    const origin = request.get('origin');
    response.vary('origin');
    if (origin !== undefined && (origins.has('*') || origins.has(origin))) {
      response.set({ 'access-control-allow-origin': origin, 'cross-origin-resource-policy': 'cross-origin' });
    }
    if (request.method !== 'OPTIONS') {
      next();
      return;
    }
    response
      .set({
        'access-control-allow-methods': 'GET, POST, PUT, DELETE',
        'access-control-allow-headers': `authorization, content-type, ${DEVICE_HEADER}, ${VERSION_HEADER}`,
        'access-control-expose-headers': 'retry-after',
        'access-control-max-age': '7200',
      })
      .status(204)
      .end();
  };
}
