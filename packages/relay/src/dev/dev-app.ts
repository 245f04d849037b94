import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { DEV_APP, limits, toBase64Url, type AppId } from '@sotto/protocol';
import express, { type Router } from 'express';

import type { AppConfig } from '../apps/app.js';
import { RelayError } from '../errors.js';
import { refuse } from '../http/problem.js';
import { mintToken } from '../token.js';

/** The app of `--dev`: its secret is made once and kept in the data folder, so that tokens survive a restart. */
export function devApp(folder: string | null): AppConfig & { secret: string } {
  return {
    id: DEV_APP as AppId,
    algorithm: 'HS256',
    secret: folder === null ? newKey() : keptKey(folder),
    origins: ['*'],
    limits: {},
  };
}

/** `GET /dev/token?user=NAME`: a token for anyone, as plain text. */
export function devTokenRoute(app: AppConfig & { secret: string }): Router {
  const router = express.Router();
  router.get('/dev/token', async (request, response) => {
    const { user } = request.query;
    response.set({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    if (typeof user !== 'string' || user === '' || Buffer.byteLength(user) > limits.MAX_USER_NAME_BYTES) {
      refuse(response, new RelayError('bad-request', 'user: 1 to 255 bytes'));
      return;
    }
    const reset = request.query['reset'] === 'true';
    response.type('text/plain').send(await mintToken({ app: app.id, user, key: app.secret, reset }));
  });
  return router;
}

function keptKey(folder: string): string {
  const file = join(folder, 'dev-key');
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const key = newKey();
    writeFileSync(file, key, { mode: 0o600 });
    return key;
  }
}

function newKey(): string {
  return toBase64Url(randomBytes(48));
}
