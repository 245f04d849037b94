import type * as z from 'zod';

import { appPage, appView, appWithSecret, createApp, rotateKey, updateApp, type AppAdmin } from '../apps/app-admin.js';
import { AppError, type AppErrorCode } from '../apps/app-error.js';
import { appIdOf } from '../apps/app.js';

/** One route of the admin API, as its server, its client and its description read it. */
export interface AdminRoute {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  summary: string;
  status: 200 | 201 | 202;
  request?: z.ZodType;
  response: z.ZodType;
  query?: Record<string, string>;
  /** Besides `admin-token-invalid`, `bad-request`, `rate-limited`, `unavailable`, `internal`. */
  errors: AppErrorCode[];
  run: (admin: AppAdmin, call: { id: string; after: string; body: unknown }) => Promise<unknown>;
}

const APP = '/admin/v1/apps/:app';
const CHANGE: AppErrorCode[] = ['app-missing', 'app-static', 'app-deleting'];

/** The service parses the bodies. */
export const ADMIN_ROUTES = {
  createApp: {
    method: 'POST',
    path: '/admin/v1/apps',
    summary: 'Makes an app. With HS256 and no secret the relay makes one, and says it this once.',
    status: 201,
    request: createApp,
    response: appWithSecret,
    errors: ['app-exists', 'app-static', 'app-deleting', 'key-unusable'],
    run: (admin, { body }) => admin.create(body as z.input<typeof createApp>),
  },
  listApps: {
    method: 'GET',
    path: '/admin/v1/apps',
    summary: 'All apps by id, a hundred at a time, those of the configuration among them.',
    status: 200,
    query: { after: 'The `next` of the page before.' },
    response: appPage,
    errors: [],
    run: (admin, { after }) => admin.list(after),
  },
  showApp: {
    method: 'GET',
    path: APP,
    summary: 'One app, without its secrets.',
    status: 200,
    response: appView,
    errors: ['app-missing'],
    run: (admin, { id }) => admin.show(idOf(id)),
  },
  updateApp: {
    method: 'PATCH',
    path: APP,
    summary: 'Changes settings. What is absent stays; null goes back to the relay\u2019s own setting.',
    status: 200,
    request: updateApp,
    response: appView,
    errors: CHANGE,
    run: (admin, { id, body }) => admin.update(idOf(id), body as z.input<typeof updateApp>),
  },
  rotateKey: {
    method: 'POST',
    path: `${APP}/rotate-key`,
    summary: 'Adds a key. The old ones count for the grace period, a day unless said otherwise, and are then refused.',
    status: 200,
    request: rotateKey,
    response: appWithSecret,
    errors: [...CHANGE, 'key-unusable', 'key-exists', 'key-limit'],
    run: (admin, { id, body }) => admin.rotateKey(idOf(id), body as z.input<typeof rotateKey>),
  },
  suspendApp: {
    method: 'POST',
    path: `${APP}/suspend`,
    summary: 'Shuts the app\u2019s users out, on all nodes, and closes their sockets. Nothing is deleted.',
    status: 200,
    response: appView,
    errors: CHANGE,
    run: (admin, { id }) => admin.suspend(idOf(id)),
  },
  resumeApp: {
    method: 'POST',
    path: `${APP}/resume`,
    summary: 'Lets the users of a suspended app in again.',
    status: 200,
    response: appView,
    errors: CHANGE,
    run: (admin, { id }) => admin.resume(idOf(id)),
  },
  deleteApp: {
    method: 'DELETE',
    path: APP,
    summary: 'Shuts the app\u2019s users out and begins to remove all of its data. Cannot be undone; may be repeated.',
    status: 202,
    response: appView,
    errors: ['app-missing', 'app-static'],
    run: (admin, { id }) => admin.remove(idOf(id)),
  },
} as const satisfies Record<string, AdminRoute>;

function idOf(text: string) {
  const id = appIdOf.safeParse(text);
  if (!id.success) throw new AppError('app-missing', 'There is no app of such a name.');
  return id.data;
}
