import { readFileSync } from 'node:fs';

import type { CreateApp, RotateKey, UpdateApp } from '../apps/app-admin.js';
import { APP_LIMITS } from '../limits/overrides.js';
import { CliError } from './cli-error.js';

/** For `parseArgs`. Secrets come from files or standard input only: other users of the machine can see arguments. */
export const APP_OPTIONS = {
  algorithm: { type: 'string' },
  kid: { type: 'string' },
  'secret-file': { type: 'string' },
  'public-key': { type: 'string' },
  'jwks-url': { type: 'string' },
  origin: { type: 'string', multiple: true },
  limit: { type: 'string', multiple: true },
  'retention-days': { type: 'string' },
  'quota-envelopes': { type: 'string' },
  'quota-bytes': { type: 'string' },
  'inactive-device-days': { type: 'string' },
  grace: { type: 'string' },
  data: { type: 'string' },
  json: { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface AppFlags {
  algorithm?: string | undefined;
  kid?: string | undefined;
  'secret-file'?: string | undefined;
  'public-key'?: string | undefined;
  'jwks-url'?: string | undefined;
  origin?: string[] | undefined;
  limit?: string[] | undefined;
  'retention-days'?: string | undefined;
  'quota-envelopes'?: string | undefined;
  'quota-bytes'?: string | undefined;
  'inactive-device-days'?: string | undefined;
  grace?: string | undefined;
  data?: string | undefined;
  json?: boolean | undefined;
  yes?: boolean | undefined;
  help?: boolean | undefined;
}

/** Which flags make sense where; the others are refused, not ignored. */
const KEY = ['algorithm', 'kid', 'secret-file', 'public-key', 'jwks-url'] as const;
const SETTINGS = [
  'origin',
  'limit',
  'retention-days',
  'quota-envelopes',
  'quota-bytes',
  'inactive-device-days',
] as const;
export const FLAGS_OF: Readonly<Record<string, readonly string[]>> = {
  create: [...KEY, ...SETTINGS],
  update: SETTINGS,
  'rotate-key': [...KEY, 'grace'],
  delete: ['yes'],
};

/** The schemas of the service say what is wrong with what people type. */
export function toCreate(id: string, flags: AppFlags): CreateApp {
  return { id, ...toKey(flags), ...toSettings(flags) } as CreateApp;
}

export function toRotate(flags: AppFlags): RotateKey {
  return defined({ ...toKey(flags), graceSeconds: flags.grace === undefined ? undefined : seconds(flags.grace) });
}

/** `none` and `default` go back to what the relay itself says. */
export function toSettings(flags: AppFlags): UpdateApp {
  const { origin, limit } = flags;
  const envelopes = numberOf('quota-envelopes', flags['quota-envelopes']);
  const bytes = numberOf('quota-bytes', flags['quota-bytes']);
  const noQuota = envelopes === null || bytes === null;
  return defined({
    origins: origin?.length === 1 && origin[0] === 'none' ? [] : origin,
    limits: limit?.length === 1 && limit[0] === 'default' ? {} : limit && Object.fromEntries(limit.map(toLimit)),
    retentionDays: numberOf('retention-days', flags['retention-days']),
    quota: noQuota ? null : envelopes === undefined && bytes === undefined ? undefined : defined({ envelopes, bytes }),
    inactiveDeviceDays: numberOf('inactive-device-days', flags['inactive-device-days']),
  });
}

function toKey(flags: AppFlags): Omit<RotateKey, 'graceSeconds'> {
  const { algorithm, kid } = flags;
  const secretFile = flags['secret-file'];
  const keyFile = flags['public-key'];
  const given = { algorithm, kid, jwksUrl: flags['jwks-url'] } as Omit<RotateKey, 'graceSeconds'>;
  return defined({
    ...given,
    secret: secretFile === undefined ? undefined : readText('secret-file', secretFile),
    publicKey: keyFile === undefined ? undefined : publicKeyIn(readText('public-key', keyFile)),
  });
}

function publicKeyIn(text: string): NonNullable<RotateKey['publicKey']> {
  if (!text.startsWith('{')) return text;
  try {
    return JSON.parse(text) as NonNullable<RotateKey['publicKey']>;
  } catch {
    throw new CliError('--public-key: the file holds neither PEM nor a JWK.');
  }
}

/** `-`: standard input. */
function readText(flag: string, file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  } catch {
    throw new CliError(`--${flag}: ${file} cannot be read.`);
  }
}

/** `name=points/seconds`. */
function toLimit(text: string): [string, { points: number; seconds: number }] {
  const [, name = '', points, window] = /^([A-Za-z]+)=([0-9]+)\/([0-9]+)s?$/.exec(text) ?? [];
  if (APP_LIMITS.some((limit) => limit === name)) return [name, { points: Number(points), seconds: Number(window) }];
  throw new CliError(
    `--limit ${text}: write NAME=POINTS/SECONDS; the names are ${APP_LIMITS.join(', ')}. "default" clears all.`,
    2,
  );
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

function seconds(text: string): number {
  const [, count, unit = 's'] = /^([0-9]+)([smhd])?$/.exec(text) ?? [];
  if (count === undefined) throw new CliError(`--grace ${text}: write 0, 90m, 24h or 7d.`, 2);
  return Number(count) * UNITS[unit as keyof typeof UNITS];
}

function numberOf(flag: string, text: string | undefined): number | null | undefined {
  if (text === undefined || text === 'default') return text === undefined ? undefined : null;
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new CliError(`--${flag} ${text}: a number, or "default".`, 2);
  return value;
}

function defined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
