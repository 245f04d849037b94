import {
  aci,
  bundlesRequest,
  bundlesResponse,
  deviceListResponse,
  devicesResponse,
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
import * as s from '@sotto/protocol/schema';

import type { AppRegistry } from '../apps/app-registry.js';
import { RelayError } from '../errors.js';
import { parseOrRefuse } from '../gateway/parse.js';
import { clientAddress, clientIp } from '../ops/client-address.js';
import { callerOf, loginOf, provenOf, type Door } from './caller.js';
import { notFound, problemHandler } from './problem.js';

export interface HttpOptions extends Door {
  onError: (error: unknown) => void;
  /** Health and `--dev`: mounted before the API. */
  extras: Router[];
  /** Served at `/` for everything that no route answers. */
  statics: RequestHandler[];
}

/** The relay's HTTP side: routes of `protocol/http`, CORS, refusals. The work is done in the core's directory. */
export function createHttpApp({ onError, extras, statics, ...door }: HttpOptions): Express {
  const { core, apps, trustedProxies } = door;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(addressRules(door), ...extras);
  app.use('/v1', helmet(), cors(apps), addressLimit(door), apiRouter(door));
  if (statics.length > 0) app.use(...statics);
  app.use(notFound);
  app.use(
    problemHandler(onError, (refusal, request) => {
      core.refused(refusal, { ...provenOf(request), address: clientAddress(request, trustedProxies), via: 'http' });
    }),
  );
  return app;
}

function apiRouter(door: Door): Router {
  const { core, trustedProxies } = door;
  const router = express.Router({ caseSensitive: true, strict: true });
  const json = express.json({ limit: limits.MAX_HTTP_BODY_BYTES, strict: true, type: () => true });

  route(router, ROUTES.register, json, async (request) => {
    const login = await loginOf(request, door);
    const { app } = login;
    await core.limit({ limit: 'registrationsPerAddress', key: clientAddress(request, trustedProxies) });
    await core.limit({ app, limit: 'registrationsPerUser', key: `${app}/${login.user}` });
    await core.limit({ app, limit: 'registrationsPerApp', key: app });
    return s.encode(registerResponse, await core.directory.register(login, bodyOf(request, registerRequest)));
  });
  route(router, ROUTES.getDevices, null, async (request) =>
    s.encode(devicesResponse, await core.directory.devices(await callerOf(request, door))),
  );
  route(router, ROUTES.putDeviceList, json, async (request) => {
    const caller = await callerOf(request, door);
    await core.directory.putDeviceList(caller, bodyOf(request, putDeviceListRequest));
    return { ok: true };
  });
  route(router, ROUTES.getDeviceList, null, async (request) => {
    const { login } = await callerOf(request, door);
    return s.encode(deviceListResponse, await core.directory.getDeviceList(login.app, userOf(request)));
  });
  route(router, ROUTES.linkToken, null, async (request) => {
    const caller = await callerOf(request, door);
    return s.encode(linkTokenResponse, await core.directory.makeLinkToken(caller));
  });
  route(router, ROUTES.putPreKeys, json, async (request) => {
    const caller = await callerOf(request, door);
    return core.directory.putPreKeys(caller, bodyOf(request, putPreKeysRequest));
  });
  route(router, ROUTES.bundles, json, async (request) => {
    const caller = await callerOf(request, door);
    const { devices } = bodyOf(request, bundlesRequest);
    return s.encode(bundlesResponse, await core.directory.bundles(caller, userOf(request), devices));
  });
  route(router, ROUTES.removeSelf, null, async (request) => {
    await core.directory.removeSelf(await callerOf(request, door));
    return { ok: true };
  });
  return router;
}

/** Asked by the machines next to the relay, which no list of clients names. */
const PROBES = new Set(['/healthz', '/readyz', '/metrics']);

function addressRules({ addresses, trustedProxies }: Door): RequestHandler {
  return (request, _response, next) => {
    const isAdmitted = PROBES.has(request.path) || addresses.admits(clientIp(request, trustedProxies));
    next(isAdmitted ? undefined : new RelayError('address-refused'));
  };
}

/** Before anything of a request is read. */
function addressLimit({ core, trustedProxies }: Door): RequestHandler {
  return (request, _response, next) => {
    core.limit({ limit: 'requestsPerAddress', key: clientAddress(request, trustedProxies) }).then(() => {
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

function bodyOf<T extends s.Schema<unknown>>(request: Request, schema: T): s.Infer<T> {
  return parseOrRefuse(schema, request.body);
}

function userOf(request: Request) {
  const user = s.safeParse(aci, request.params['user']);
  if (!user.success) throw new RelayError('bad-request', 'user: not an ACI');
  return user.data;
}

/**
 * A preflight carries no token, so it is answered for every origin that some app allows; the request itself is then held
 * against its own app's list.
 */
function cors(apps: AppRegistry): RequestHandler {
  return (request, response, next) => {
    const origin = request.get('origin');
    response.vary('origin');
    if (origin !== undefined && apps.knowsOrigin(origin)) {
      response.set({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'retry-after',
        'cross-origin-resource-policy': 'cross-origin',
      });
    }
    if (request.method !== 'OPTIONS') {
      next();
      return;
    }
    response
      .set({
        'access-control-allow-methods': 'GET, POST, PUT, DELETE',
        'access-control-allow-headers': `authorization, content-type, ${DEVICE_HEADER}, ${VERSION_HEADER}`,
        'access-control-max-age': '7200',
      })
      .status(204)
      .end();
  };
}
