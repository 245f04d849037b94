#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { ConfigError } from './config/config-error.js';
import { configFrom } from './config/config.js';
import { startRelay, type Relay } from './relay.js';

const USAGE = `sotto-relay [--port N] [--host ADDRESS] [--data FOLDER] [--dev [--static FOLDER]]

Environment: DATABASE_URL, REDIS_URL, SOTTO_APPS or SOTTO_APPS_FILE (JSON), SOTTO_DATA, SOTTO_RETENTION_DAYS,
SOTTO_INACTIVE_DAYS, SOTTO_SWEEP_SECONDS, SOTTO_QUOTA_ENVELOPES, SOTTO_QUOTA_BYTES, SOTTO_DATABASE_CONNECTIONS,
SOTTO_LIMITS (JSON), SOTTO_TRUSTED_PROXIES, SOTTO_ALLOW_ADDRESSES, SOTTO_DENY_ADDRESSES, SOTTO_METRICS_TOKEN, PORT, HOST,
LOG_LEVEL. DATABASE_URL, REDIS_URL and SOTTO_METRICS_TOKEN may stand in files: DATABASE_URL_FILE and so on. What they
mean stands in the README.
`;

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  static: { type: 'string' },
  dev: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.help) {
    process.stdout.write(USAGE);
    return;
  }
  const starting = startRelay(configFrom(process.env, flags));
  // At once, not when it has started: as process 1 of a container it would not hear a signal that nobody handles.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(starting));
  process.stdout.write(`Sotto relay: ${(await starting).url}\n`);
}

async function stop(starting: Promise<Relay>): Promise<void> {
  try {
    await (await starting).close();
    process.exit(0);
  } catch {
    process.exit(1);
  }
}

function readFlags() {
  try {
    return parseArgs({ options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch {
    throw new ConfigError(`Unknown or incomplete option.\n\n${USAGE}`);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
  process.exit(1);
});
