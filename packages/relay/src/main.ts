#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { newAdminToken } from './admin/admin-tokens.js';
import { runAppCommand, systemTerminal } from './cli/app-command.js';
import { CliError } from './cli/cli-error.js';
import { ConfigError } from './config/config-error.js';
import { configFrom } from './config/config.js';
import { limitHeapGrowth } from './ops/heap-growth.js';
import { startRelay, type Relay } from './relay.js';

const USAGE = `sotto-relay [--port N] [--host ADDRESS] [--data FOLDER] [--dev [--static FOLDER]]
sotto-relay app create|list|show|update|rotate-key|suspend|resume|delete ...   (sotto-relay app --help)
sotto-relay admin-token                                                        makes one for the admin API

Environment: DATABASE_URL, REDIS_URL, SOTTO_APPS or SOTTO_APPS_FILE (JSON), SOTTO_SECRETS_KEY, SOTTO_ADMIN_TOKENS,
SOTTO_ADMIN_HOST, SOTTO_ADMIN_PORT, SOTTO_DATA, SOTTO_RETENTION_DAYS, SOTTO_INACTIVE_DAYS, SOTTO_SWEEP_SECONDS,
SOTTO_QUOTA_ENVELOPES, SOTTO_QUOTA_BYTES, SOTTO_DATABASE_CONNECTIONS, SOTTO_LIMITS (JSON), SOTTO_TRUSTED_PROXIES,
SOTTO_ALLOW_ADDRESSES, SOTTO_DENY_ADDRESSES, SOTTO_WAITING_PER_ADDRESS, SOTTO_WAITING_PER_NODE, SOTTO_METRICS_TOKEN,
PORT, HOST, LOG_LEVEL. Secrets may stand in files:
DATABASE_URL_FILE, REDIS_URL_FILE, SOTTO_METRICS_TOKEN_FILE, SOTTO_SECRETS_KEY_FILE, SOTTO_ADMIN_TOKENS_FILE. What they
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
  const [command, ...rest] = process.argv.slice(2);
  if (command === 'app') {
    await runAppCommand(rest, systemTerminal());
    return;
  }
  if (command === 'admin-token') {
    printAdminToken();
    return;
  }
  const flags = readFlags();
  if (flags.help) {
    process.stdout.write(USAGE);
    return;
  }
  const starting = startRelay(configFrom(process.env, flags));
  // At once, not when it has started: as process 1 of a container it would not hear a signal that nobody handles.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(starting));
  const relay = await starting;
  const { url, adminUrl } = relay;
  limitHeapGrowth(() => relay.core.connections);
  process.stdout.write(`Sotto relay: ${url}\n${adminUrl === null ? '' : `Admin API: ${adminUrl}\n`}`);
  const { message } = await relay.evicted;
  process.stderr.write(`${message}\n`);
  await relay.close();
  process.exit(1);
}

/** The relay gets the hash, people keep the token. */
function printAdminToken(): void {
  const { token, hash } = newAdminToken();
  process.stdout.write(`The token, for SOTTO_ADMIN_TOKEN where you administer. It is shown this once:

  ${token}

Its hash, for SOTTO_ADMIN_TOKENS of the relay. The name in front stands in the audit log:

  admin:${hash}
`);
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
  const isOurs = error instanceof ConfigError || error instanceof CliError;
  process.stderr.write(`${isOurs ? error.message : String(error)}\n`);
  process.exit(error instanceof CliError ? error.exitCode : 1);
});
