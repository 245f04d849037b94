import { appId, type AppId } from '@sotto/protocol';
import { safeParse, toJsonSchema } from '@sotto/protocol/schema';
import * as z from 'zod';

import { appLimitOverrides, storedAppLimits } from '../limits/overrides.js';
import { keyFields, keyInput, MAX_APP_KEYS, materialOf, type AppKey, type KeyInput } from './app-key.js';

const quotaFields = { envelopes: z.number().int().min(1).optional(), bytes: z.number().int().min(1).optional() };

/** What an operator may set for one app; what is absent follows the relay's own settings. */
export const appSettings = z.strictObject({
  /** Websites that may connect, as origins; `*` allows any. Programs without an origin always may. */
  origins: z
    .array(
      z.union([
        z.literal('*'),
        // The schema of the URL says it, not the union: a union that fails in one way only speaks with that one's words.
        z
          .url({ protocol: /^https?$/, error: 'must be an origin such as https://example.com, or *' })
          .overwrite((url) => (URL.canParse(url) ? new URL(url).origin : url)),
      ]),
    )
    .max(100)
    .default([]),
  limits: appLimitOverrides.default({}),
  /** Unacknowledged envelopes are kept so long. */
  retentionDays: z.number().min(0.01).max(3650).optional(),
  /** How much one mailbox holds before it refuses. */
  quota: z.strictObject(quotaFields).optional(),
  /** Devices that were not seen for so long are removed. */
  inactiveDeviceDays: z.number().int().min(1).max(3650).optional(),
});
export type AppSettings = z.infer<typeof appSettings>;

/** Settings as they are stored: names of a later version are ignored, so that nodes of two versions run side by side. */
export const storedSettings = z.object({
  ...appSettings.shape,
  limits: storedAppLimits.default({}),
  quota: z.object(quotaFields).optional(),
});

export function settingsOf(app: AppSettings): AppSettings {
  const { origins, limits, retentionDays, quota, inactiveDeviceDays } = app;
  return { origins, limits, retentionDays, quota, inactiveDeviceDays };
}

export type AppState = 'active' | 'suspended' | 'deleting';

/** One app (tenant): whose tokens are believed, and within which bounds its users work. */
export interface App extends AppSettings {
  id: AppId;
  state: AppState;
  /** Milliseconds since the epoch: when the state began; null when the configuration says it. */
  since: number | null;
  /** `config`: from SOTTO_APPS, read-only, and wins over an app of the same id in the database. */
  source: 'config' | 'database';
  /** Milliseconds since the epoch; null when the configuration says it. */
  createdAt: number | null;
  /** Newest first. */
  keys: AppKey[];
}

export const appIdOf = z
  .custom<AppId>(
    (value) => safeParse(appId, value).success,
    'not an app id: 1 to 64 of a-z, 0-9, "." , "_" and "-", beginning with a letter or digit',
  )
  .meta({ ...toJsonSchema(appId, 'input') });

/** An app in SOTTO_APPS: its settings, and either one key's fields or `keys`, newest first. */
const appObject = z.strictObject({
  id: appIdOf,
  ...appSettings.shape,
  ...keyFields,
  algorithm: keyFields.algorithm.optional(),
  keys: z.array(keyInput).min(1).max(MAX_APP_KEYS).optional(),
});
export type AppConfig = z.infer<typeof appObject>;
export const appConfig = appObject.refine(
  (app) => keysOf(app) !== null,
  'give either "keys", or "algorithm" with "secret" (HS256), "publicKey" or "jwksUrl"',
);
export type AppConfigInput = z.input<typeof appConfig>;

/** Null when the fields do not make up keys. */
function keysOf({ keys, algorithm, ...key }: Omit<AppConfig, 'id'>): KeyInput[] | null {
  const { kid, secret, publicKey, jwksUrl } = key;
  if (algorithm === undefined) {
    return [kid, secret, publicKey, jwksUrl].every((field) => field === undefined) ? (keys ?? null) : null;
  }
  const own = { algorithm, kid, secret, publicKey, jwksUrl };
  return keys === undefined && materialOf(own) ? [own] : null;
}

export function staticApp(config: AppConfig): App {
  const keys = (keysOf(config) ?? []).flatMap((key): AppKey[] => {
    const material = materialOf(key);
    if (!material) return [];
    return [{ kid: key.kid ?? null, algorithm: key.algorithm, material, createdAt: null, expiresAt: null }];
  });
  const common = { state: 'active', since: null, source: 'config', createdAt: null } as const;
  return { ...common, id: config.id, keys, ...settingsOf(config) };
}

export function originAllowed(app: App, origin: string | undefined): boolean {
  return origin === undefined || app.origins.includes('*') || app.origins.includes(origin);
}
