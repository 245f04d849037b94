import type { AppId } from '@sotto/protocol';
import * as z from 'zod';

import { appIdOf, appSettings } from './app.js';
import { ALGORITHMS, keyFields } from './app-key.js';

const DAY_SECONDS = 24 * 3600;

/** A new key. HS256 without a secret: the relay makes one. */
const newKey = { ...keyFields, algorithm: keyFields.algorithm.default('HS256') };

function isWhole({ algorithm, secret, publicKey, jwksUrl }: Partial<Record<keyof typeof newKey, unknown>>): boolean {
  const given = [publicKey, jwksUrl].filter((each) => each !== undefined).length;
  return algorithm === 'HS256' ? given === 0 : given === 1 && secret === undefined;
}
const WHOLE = 'HS256 takes "secret" or nothing; RS256, ES256 and EdDSA need either "publicKey" or "jwksUrl"';

export const createApp = z.strictObject({ id: appIdOf, ...newKey, ...appSettings.shape }).refine(isWhole, WHOLE);
export type CreateApp = z.input<typeof createApp>;

/** The new key counts at once. The old ones are believed for as long as backends need to change over. */
export const rotateKey = z
  .strictObject({
    ...newKey,
    /** Seconds until the old keys are refused; 0: at once. */
    graceSeconds: z
      .number()
      .int()
      .min(0)
      .max(90 * DAY_SECONDS)
      .default(DAY_SECONDS),
  })
  .refine(isWhole, WHOLE);
export type RotateKey = z.input<typeof rotateKey>;

/** What is absent stays; null: as the relay's own settings say. */
export const updateApp = z
  .strictObject({
    origins: appSettings.shape.origins.unwrap(),
    limits: appSettings.shape.limits.unwrap(),
    retentionDays: appSettings.shape.retentionDays.nullable(),
    quota: appSettings.shape.quota.nullable(),
    inactiveDeviceDays: appSettings.shape.inactiveDeviceDays.nullable(),
  })
  .partial();
export type UpdateApp = z.input<typeof updateApp>;

/** An app as operators see it: no secret is in it. Times are milliseconds since the epoch. */
export const appView = z.object({
  id: appIdOf,
  state: z.enum(['active', 'suspended', 'deleting']),
  /** When the state began. */
  since: z.number().nullable(),
  /** `config`: from SOTTO_APPS, read-only here. */
  source: z.enum(['config', 'database']),
  createdAt: z.number().nullable(),
  ...appSettings.shape,
  keys: z.array(
    z.object({
      kid: z.string().nullable(),
      algorithm: z.enum(ALGORITHMS),
      kind: z.enum(['secret', 'public-key', 'jwks-url']),
      /** Secrets in the database only: whether it lies there encrypted. */
      sealed: z.boolean().nullable(),
      jwksUrl: z.string().nullable(),
      createdAt: z.number().nullable(),
      /** From then on it is refused. */
      expiresAt: z.number().nullable(),
    }),
  ),
});
export type AppView = z.infer<typeof appView>;

/** `secret`: only when the relay made it, and only this once. */
export const appWithSecret = z.object({ app: appView, secret: z.string().optional() });
export type AppWithSecret = z.infer<typeof appWithSecret>;

export const appPage = z.object({
  apps: z.array(appView),
  /** Pass it as `after` for the next page; null: this was the last. */
  next: appIdOf.nullable(),
});
export type AppPage = z.infer<typeof appPage>;

export const MAX_PAGE = 100;

/** What an operator does with apps: on the database itself, or through a relay's admin API. Rejects with `AppError`. */
export interface AppAdmin {
  create(input: CreateApp): Promise<AppWithSecret>;
  /** By id, at most `MAX_PAGE` after `after`. */
  list(after?: string): Promise<AppPage>;
  show(id: AppId): Promise<AppView>;
  update(id: AppId, input: UpdateApp): Promise<AppView>;
  rotateKey(id: AppId, input: RotateKey): Promise<AppWithSecret>;
  suspend(id: AppId): Promise<AppView>;
  resume(id: AppId): Promise<AppView>;
  /** Its users are shut out at once; its data is removed bit by bit. */
  remove(id: AppId): Promise<AppView>;
}
