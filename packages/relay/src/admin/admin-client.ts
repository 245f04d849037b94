import * as z from 'zod';

import type { AppId } from '@sotto/protocol';

import { appPage, appView, appWithSecret, type AppAdmin } from '../apps/app-admin.js';
import { ADMIN_ROUTES, type AdminRoute } from './admin-routes.js';

/** A relay takes no longer than this, unless it is in trouble. */
const TIMEOUT_MS = 15_000;

/** The admin API said no, or could not be asked. The message is for the operator. */
export class AdminClientError extends Error {
  override readonly name = 'AdminClientError';
  /** The relay's code, or `unreachable`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Apps through a relay's admin API. Rejects with `AdminClientError`. */
export function adminClient({ url, token }: { url: string; token: string }): AppAdmin {
  const call = async <T extends z.ZodType>(
    { method, path }: Pick<AdminRoute, 'method' | 'path'>,
    answer: T,
    { id = '', query = '', body }: { id?: string; query?: string; body?: unknown } = {},
  ): Promise<z.output<T>> => {
    const address = `${url.replace(/\/+$/, '')}${path.replace(':app', encodeURIComponent(id))}${query}`;
    const response = await fetch(address, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new AdminClientError('unreachable', `The admin API at ${url} does not answer.`);
    });
    const text = await response.text();
    if (!response.ok) throw refusalFrom(response.status, text);
    return answer.parse(parseJson(text));
  };
  const at = (id: AppId, body?: unknown) => ({ id, body });

  return {
    create: (input) => call(ADMIN_ROUTES.createApp, appWithSecret, { body: input }),
    list: (after) =>
      call(ADMIN_ROUTES.listApps, appPage, after === undefined ? {} : { query: `?after=${encodeURIComponent(after)}` }),
    show: (id) => call(ADMIN_ROUTES.showApp, appView, at(id)),
    update: (id, input) => call(ADMIN_ROUTES.updateApp, appView, at(id, input)),
    rotateKey: (id, input) => call(ADMIN_ROUTES.rotateKey, appWithSecret, at(id, input)),
    suspend: (id) => call(ADMIN_ROUTES.suspendApp, appView, at(id)),
    resume: (id) => call(ADMIN_ROUTES.resumeApp, appView, at(id)),
    remove: (id) => call(ADMIN_ROUTES.deleteApp, appView, at(id)),
  };
}

const errorAnswer = z.object({ code: z.string(), message: z.string() });

function refusalFrom(status: number, text: string): AdminClientError {
  const error = errorAnswer.safeParse(parseJson(text));
  if (error.success) return new AdminClientError(error.data.code, error.data.message);
  return new AdminClientError('unreachable', `What answers there is no admin API of a relay (status ${status}).`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
