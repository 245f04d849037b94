import { settingsOf, type App } from './app.js';
import type { AppView } from './app-admin.js';
import type { AppKey } from './app-key.js';
import type { AppRecord } from './app-record.js';
import { isSealed } from './seal.js';

type KeyView = AppView['keys'][number];

/** What operators may see: everything but secrets. */
export function toView(app: App | AppRecord): AppView {
  const { id, state, since, source, createdAt } = app;
  return { id, state, since, source, createdAt, ...settingsOf(app), keys: app.keys.map(keyView) };
}

function keyView(key: AppKey | AppRecord['keys'][number]): KeyView {
  const { kid, algorithm, createdAt, expiresAt } = key;
  const material = 'material' in key ? key.material : key;
  const common = { kid, algorithm, createdAt, expiresAt, sealed: null, jwksUrl: null };
  if ('jwksUrl' in material && material.jwksUrl !== undefined) {
    return { ...common, kind: 'jwks-url', jwksUrl: material.jwksUrl };
  }
  if ('secret' in material && material.secret !== undefined) {
    return { ...common, kind: 'secret', sealed: 'material' in key ? null : isSealed(material.secret) };
  }
  return { ...common, kind: 'public-key' };
}
