import * as z from 'zod';

import { APP_ERRORS, type AppErrorCode } from '../apps/app-error.js';
import { ADMIN_ROUTES, type AdminRoute } from './admin-routes.js';

const COMMON: AppErrorCode[] = ['bad-request', 'admin-token-invalid'];

/** The admin API as OpenAPI 3.1, from the schemas that parse the requests. */
export function adminOpenApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, route] of Object.entries<AdminRoute>(ADMIN_ROUTES)) {
    const path = route.path.replace(':app', '{app}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  const code = { type: 'string', enum: [...Object.keys(APP_ERRORS), 'rate-limited', 'unavailable', 'internal'] };
  const error = { type: 'object', required: ['code', 'message'], properties: { code, message: { type: 'string' } } };
  return {
    openapi: '3.1.0',
    info: { title: 'Sotto relay: administration', version: '1', description: 'Apps. Times are milliseconds.' },
    paths,
    components: {
      schemas: { Error: error },
      securitySchemes: { admin: { type: 'http', scheme: 'bearer', description: 'An admin token of the relay.' } },
    },
  };
}

function operation(operationId: string, route: AdminRoute): object {
  const { summary, status, request, response, query = {}, errors, path } = route;
  const inPath = path.includes(':app') ? [{ name: 'app', in: 'path', required: true, schema: { type: 'string' } }] : [];
  const inQuery = Object.entries(query).map(([name, description]) => ({
    ...{ name, description },
    in: 'query',
    schema: { type: 'string' },
  }));
  return {
    operationId,
    summary,
    security: [{ admin: [] }],
    parameters: [...inPath, ...inQuery],
    ...(request && { requestBody: { required: true, content: content(json(request, 'input')) } }),
    responses: {
      [status]: { description: 'Done.', content: content(json(response, 'output')) },
      ...refusals([...COMMON, ...errors]),
    },
  };
}

function refusals(codes: readonly AppErrorCode[]): Record<string, object> {
  const statuses = [...new Set(codes.map((code) => APP_ERRORS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const lines = codes
        .filter((code) => APP_ERRORS[code].status === status)
        .map((code) => `\`${code}\`: ${APP_ERRORS[code].action}`);
      return [status, { description: lines.join('\n'), content: content({ $ref: '#/components/schemas/Error' }) }];
    }),
  );
}

function content(schema: object): object {
  return { 'application/json': { schema } };
}

function json(schemaOf: z.ZodType, io: 'input' | 'output'): object {
  const schema = Object.entries(z.toJSONSchema(schemaOf, { io, unrepresentable: 'any' }));
  return Object.fromEntries(schema.filter(([key]) => key !== '$schema'));
}
