import type { AppId } from '@sotto/protocol';
import * as z from 'zod';

import type { StoredApp } from '../store/app-store.js';
import { isAppLimit } from '../limits/overrides.js';
import { settingsOf, storedSettings, type App } from './app.js';
import { ALGORITHMS, type AppKey } from './app-key.js';
import { isSealed, type Sealer } from './seal.js';

/** A key as it is stored: the secret as the sealer left it. */
const storedKey = z.object({
  kid: z.string(),
  algorithm: z.enum(ALGORITHMS),
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
  secret: z.string().optional(),
  publicKey: z.union([z.string(), z.looseObject({ kty: z.string() })]).optional(),
  jwksUrl: z.string().optional(),
});
type StoredKey = z.infer<typeof storedKey>;

const appRecord = z.object({ settings: storedSettings, keys: z.array(storedKey) });

/** What a record may hold that this version does not know. */
const ofLater = z.looseObject({ settings: z.looseObject({ limits: z.looseObject({}).default({}) }) });

/** What is known of a stored app without opening its secrets. */
export interface AppRecord extends Omit<App, 'keys' | 'source'> {
  source: 'database';
  createdAt: number;
  since: number;
  keys: StoredKey[];
}

/** Throws when the record is not one. */
export function readRecord({ record, ...row }: StoredApp): AppRecord {
  const { settings, keys } = appRecord.parse(JSON.parse(record));
  return { ...row, ...settings, source: 'database', keys };
}

/** @param before what stands there: what a later version has written into it stays */
export function writeRecord({ id, state, since, createdAt, keys, ...app }: AppRecord, before?: StoredApp): StoredApp {
  const { settings: old, ...rest } = ofLater.parse(before ? JSON.parse(before.record) : { settings: {} });
  const known = settingsOf(app);
  const later = Object.fromEntries(Object.entries(old.limits).filter(([name]) => !isAppLimit(name)));
  const settings = { ...without(old, Object.keys(known)), ...known, limits: { ...later, ...known.limits } };
  return { id, state, since, createdAt, record: JSON.stringify({ ...rest, settings, keys }) };
}

function without(record: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** The context of a secret: one that is moved to another app or key does not open. */
const contextOf = (app: AppId, kid: string) => `sotto app secret v1\0${app}\0${kid}`;

export function sealKey(app: AppId, key: AppKey & { kid: string; createdAt: number }, sealer: Sealer): StoredKey {
  const { material, ...rest } = key;
  if (!('secret' in material)) return { ...rest, ...material };
  return { ...rest, secret: sealer.seal(material.secret, contextOf(app, key.kid)) };
}

/** Seals what was stored before there was a key to seal with. */
export function sealPlain(app: AppId, key: StoredKey, sealer: Sealer): StoredKey {
  if (key.secret === undefined || isSealed(key.secret) || !sealer.seals) return key;
  const context = contextOf(app, key.kid);
  return { ...key, secret: sealer.seal(sealer.open(key.secret, context), context) };
}

/** Throws `SealError`. */
export function openKey(app: AppId, { secret, publicKey, jwksUrl, ...rest }: StoredKey, sealer: Sealer): AppKey {
  if (secret !== undefined) return { ...rest, material: { secret: sealer.open(secret, contextOf(app, rest.kid)) } };
  if (publicKey !== undefined) return { ...rest, material: { publicKey } };
  return { ...rest, material: { jwksUrl: jwksUrl ?? '' } };
}
