import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';

import type { AppAdmin } from '../apps/app-admin.js';
import { AppError } from '../apps/app-error.js';
import { RelayError } from '../errors.js';
import { notFound, refusalOf, refuse } from '../http/problem.js';
import type { Limiter } from '../limits/limits.js';
import type { RelayObserver } from '../observer.js';
import { clientAddress } from '../ops/client-address.js';
import { adminOpenApi } from './admin-openapi.js';
import { ADMIN_ROUTES, type AdminRoute } from './admin-routes.js';
import { whoHolds, type AdminToken } from './admin-tokens.js';

/** Settings and public keys are a few kilobytes. */
const MAX_BODY_BYTES = 64 * 1024;

export interface AdminOptions {
  /** The admin as this token's holder: what is done under its name goes into the audit log. */
  adminFor: (name: string) => AppAdmin;
  tokens: readonly AdminToken[];
  limiter: Limiter;
  observer: Pick<RelayObserver, 'security'>;
  onError: (error: unknown) => void;
}

/** The admin API: a listener of its own, so that no rule of a proxy can put it on the internet by mistake. */
export function createAdminApp(options: AdminOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(helmet());
  const description = JSON.stringify(adminOpenApi(), null, 2);
  app.get('/openapi.json', (_request, response) => {
    response.type('application/json').send(description);
  });
  app.use('/admin/v1', authenticate(options), express.json({ limit: MAX_BODY_BYTES, type: () => true }));
  for (const route of Object.values<AdminRoute>(ADMIN_ROUTES)) mount(app, route, options);
  app.use(notFound);
  app.use(problems(options.onError));
  return app;
}

function mount(app: Express, { method, path, status, run }: AdminRoute, { adminFor }: AdminOptions): void {
  const verb = method.toLowerCase() as Lowercase<typeof method>;
  app[verb](path, async (request, response) => {
    const { after } = request.query;
    const call = {
      id: String(request.params['app'] ?? ''),
      after: typeof after === 'string' ? after : '',
      body: (request.body as unknown) ?? {},
    };
    const result = await run(adminFor(nameOf(response)), call);
    response.status(status).set('cache-control', 'no-store').json(result);
  });
}

/** An address that has guessed too often is refused whatever it brings. */
function authenticate({ tokens, limiter, observer }: AdminOptions): RequestHandler {
  return async (request, response, next) => {
    // The very connection: what a caller says of itself must not get around the limit.
    const address = clientAddress(request, 0);
    const demand = { limit: 'adminFailuresPerAddress', key: address } as const;
    const retryAfterMs = await limiter.take(demand, 0);
    if (retryAfterMs !== null) throw new RelayError('rate-limited', undefined, { retryAfterMs });
    const [, token = ''] = /^Bearer ([^\s]+)$/i.exec(request.get('authorization') ?? '') ?? [];
    const name = whoHolds(tokens, token);
    if (name === null) {
      await limiter.take(demand);
      observer.security?.({ event: 'admin-refused', address });
      throw new AppError('admin-token-invalid', 'This needs an admin token.');
    }
    response.locals['admin'] = name;
    next();
  };
}

function nameOf({ locals }: Response): string {
  return String(locals['admin']);
}

function problems(onError: (error: unknown) => void): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) next(error);
    else if (error instanceof AppError)
      response.status(error.status).json({ code: error.code, message: error.message });
    else refuse(response, refusalOf(error, onError));
  };
}
