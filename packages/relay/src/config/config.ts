import * as z from 'zod';

import { adminToken, readAdminTokens } from '../admin/admin-tokens.js';
import { appConfig } from '../apps/app.js';
import { DAY_MS, DEFAULT_INACTIVE_MS } from '../directory/inactivity.js';
import { DEFAULT_QUOTA, DEFAULT_RETENTION_MS } from '../core.js';
import { limitOverrides } from '../limits/overrides.js';
import { parseNetwork } from '../ops/address-list.js';
import { ConfigError } from './config-error.js';
import { readSetting, type Environment } from './read-setting.js';
import { secretsKeyOf } from './secrets-key.js';

const DEFAULT_TAKEOVER_MS = 10_000;
const DEFAULT_SWEEP_MS = 10 * 60_000;

/** A slow network and a busy page take two; longer waits only who means no good. */
const DEFAULT_HELLO_MS = 5_000;

/** CIDR, IPv4 or IPv6, or single addresses. */
const networks = z.array(
  z.string().refine((text) => parseNetwork(text) !== null, 'must be networks such as 10.0.0.0/8'),
);

/** Everything that a relay can be told. `startRelay` takes it as an object; the CLI reads it from environment and flags. */
export const relayConfig = z.strictObject({
  host: z.string().default('0.0.0.0'),
  /** 0: any free port. */
  port: z.number().int().min(0).max(65_535).default(7_420),
  /** PostgreSQL. Absent: PGlite in `dataFolder`. */
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be postgres://...')
    .optional(),
  /** Connections to PostgreSQL of this node. */
  databaseConnections: z.number().int().min(2).max(100).default(8),
  /** Redis, 7 or later. Absent: this is the only node. `redis+cluster://` or `rediss+cluster://` for a cluster. */
  redisUrl: z
    .string()
    .regex(/^rediss?(\+cluster)?:\/\//, 'must be redis://...')
    .optional(),
  /** How long a starting node waits for the lock of one that is going. */
  takeoverMs: z.number().int().min(0).default(DEFAULT_TAKEOVER_MS),
  dataFolder: z.string().min(1).default('sotto-data'),
  /** PGlite without a folder: for tests. */
  memory: z.boolean().default(false),
  /** Static apps; those of the database come besides. */
  apps: z.array(appConfig).default([]),
  /** How often what has expired is deleted. */
  sweepMs: z.number().int().min(1_000).default(DEFAULT_SWEEP_MS),
  /** 32 bytes that seal the apps' HS256 secrets in the database. */
  secretsKey: z.instanceof(Uint8Array).optional(),
  retentionMs: z.number().int().min(60_000).default(DEFAULT_RETENTION_MS),
  /** Devices that do not connect for so long are removed; their users' other devices hear of it 14 days before. */
  inactiveMs: z
    .number()
    .int()
    .min(30 * DAY_MS)
    .default(DEFAULT_INACTIVE_MS),
  quota: z.strictObject({ envelopes: z.number().int().min(1), bytes: z.number().int().min(1) }).default(DEFAULT_QUOTA),
  /** Changes to the default limits (`LIMITS`), by name. */
  limits: limitOverrides.default({}),
  /** Proxies of yours in front of the relay, whose `x-forwarded-for` is believed: how many, or their networks. */
  trustedProxies: z.union([z.number().int().min(0).max(10), networks]).default(0),
  /** Networks that alone may use the relay; empty: all. */
  allowAddresses: networks.default([]),
  /** Networks that may not, whatever else is allowed. */
  denyAddresses: networks.default([]),
  /** Connections that have not been admitted yet, at once: of one address, and on this node. Further ones are turned away. */
  waitingPerAddress: z.number().int().min(1).default(1_000),
  waitingPerNode: z.number().int().min(1).default(10_000),
  /** How long a connection may take to say hello. */
  helloMs: z.number().int().min(100).max(10_000).default(DEFAULT_HELLO_MS),
  /** Who may administer the apps; none: there is no admin API. */
  adminTokens: z.array(adminToken).max(100).default([]),
  /** The admin API listens here, and only on this machine unless said otherwise. */
  adminHost: z.string().default('127.0.0.1'),
  /** 0: any free port. */
  adminPort: z.number().int().min(0).max(65_535).default(7_421),
  /** When set, `/metrics` asks for it as a Bearer token. */
  metricsToken: z.string().min(16).optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Mints tokens for anyone and shows what the relay holds. Never in production. */
  dev: z.boolean().default(false),
  /** `--dev` only: a folder to serve at `/`. */
  staticFolder: z.string().min(1).optional(),
});
export type RelayConfig = z.infer<typeof relayConfig>;
export type RelayConfigInput = z.input<typeof relayConfig>;

export function parseConfig(input: unknown): RelayConfig {
  const parsed = relayConfig.safeParse(input);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`The relay cannot start with this configuration.\n  ${issues.join('\n  ')}`);
  }
  const config = parsed.data;
  if (config.dev && process.env['NODE_ENV'] === 'production') {
    throw new ConfigError('--dev lets anyone be anyone; it is refused with NODE_ENV=production.');
  }
  if (config.staticFolder !== undefined && !config.dev) throw new ConfigError('--static works with --dev only.');
  if (new Set(config.apps.map(({ id }) => id)).size !== config.apps.length)
    throw new ConfigError('Two apps have the same id.');
  return config;
}

type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** Flags win over environment variables. */
export function configFrom(given: Environment, flags: Flags): RelayConfig {
  const environment = withFiles(given);
  const sweep = numberOf(environment['SOTTO_SWEEP_SECONDS']);
  const inactive = numberOf(environment['SOTTO_INACTIVE_DAYS']);
  const days = numberOf(environment['SOTTO_RETENTION_DAYS']);
  const envelopes = numberOf(environment['SOTTO_QUOTA_ENVELOPES']);
  const bytes = numberOf(environment['SOTTO_QUOTA_BYTES']);
  const admins = environment['SOTTO_ADMIN_TOKENS'];
  return parseConfig(
    withoutUndefined({
      host: flags['host'] ?? environment['HOST'],
      port: numberOf(flags['port'] ?? environment['PORT']),
      databaseUrl: environment['DATABASE_URL'],
      databaseConnections: numberOf(environment['SOTTO_DATABASE_CONNECTIONS']),
      redisUrl: environment['REDIS_URL'],
      dataFolder: flags['data'] ?? environment['SOTTO_DATA'],
      apps: appsFrom(environment),
      secretsKey: secretsKeyOf(environment['SOTTO_SECRETS_KEY']),
      retentionMs: days === undefined ? undefined : days * DAY_MS,
      inactiveMs: inactive === undefined ? undefined : inactive * DAY_MS,
      sweepMs: sweep === undefined ? undefined : sweep * 1_000,
      quota:
        envelopes === undefined && bytes === undefined
          ? undefined
          : { envelopes: envelopes ?? DEFAULT_QUOTA.envelopes, bytes: bytes ?? DEFAULT_QUOTA.bytes },
      limits: jsonOf('SOTTO_LIMITS', environment['SOTTO_LIMITS']),
      trustedProxies: proxiesOf(environment['SOTTO_TRUSTED_PROXIES']),
      allowAddresses: listOf(environment['SOTTO_ALLOW_ADDRESSES']),
      denyAddresses: listOf(environment['SOTTO_DENY_ADDRESSES']),
      waitingPerAddress: numberOf(environment['SOTTO_WAITING_PER_ADDRESS']),
      waitingPerNode: numberOf(environment['SOTTO_WAITING_PER_NODE']),
      adminTokens: admins === undefined ? undefined : readAdminTokens(admins),
      adminHost: environment['SOTTO_ADMIN_HOST'],
      adminPort: numberOf(environment['SOTTO_ADMIN_PORT']),
      metricsToken: environment['SOTTO_METRICS_TOKEN'],
      logLevel: environment['LOG_LEVEL'],
      dev: flags['dev'],
      staticFolder: flags['static'],
    }),
  );
}

/** Secrets may stand in files, as container platforms mount them: `DATABASE_URL_FILE` and so on. */
const IN_FILES = [
  'DATABASE_URL',
  'REDIS_URL',
  'SOTTO_METRICS_TOKEN',
  'SOTTO_SECRETS_KEY',
  'SOTTO_ADMIN_TOKENS',
] as const;

function withFiles(environment: Environment): Environment {
  const read = IN_FILES.flatMap((name) => {
    const file = environment[`${name}_FILE`];
    return file === undefined ? [] : [[name, readSetting(`${name}_FILE`, file).trim()] as const];
  });
  return { ...environment, ...Object.fromEntries(read) };
}

function appsFrom(environment: Environment): unknown {
  const file = environment['SOTTO_APPS_FILE'];
  const text = file === undefined ? environment['SOTTO_APPS'] : readSetting('SOTTO_APPS_FILE', file);
  return jsonOf(file === undefined ? 'SOTTO_APPS' : 'SOTTO_APPS_FILE', text);
}

function jsonOf(name: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(`${name} is not JSON.`);
  }
}

function listOf(value: string | undefined): string[] | undefined {
  return value?.split(/[\s,]+/).filter((entry) => entry !== '');
}

function proxiesOf(value: string | undefined): number | string[] | undefined {
  return value === undefined || /^[0-9]*$/.test(value) ? numberOf(value) : listOf(value);
}

/** What is no number stays as it is, and the schema names it. */
function numberOf(value: string | boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
