#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { ConfigError, configFrom } from './config/config.js';
import { startRelay } from './relay.js';

const USAGE = `sotto-relay [--port N] [--host ADDRESS] [--data FOLDER] [--dev [--static FOLDER]]

Environment: DATABASE_URL, REDIS_URL, SOTTO_APPS or SOTTO_APPS_FILE (JSON), SOTTO_DATA, SOTTO_RETENTION_DAYS,
SOTTO_QUOTA_ENVELOPES, SOTTO_QUOTA_BYTES, SOTTO_DATABASE_CONNECTIONS, SOTTO_LIMITS (JSON), SOTTO_TRUSTED_PROXIES,
SOTTO_METRICS_TOKEN, PORT, HOST, LOG_LEVEL. What they mean stands in the README.
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
  const relay = await startRelay(configFrom(process.env, flags));
  process.stdout.write(`Sotto relay: ${relay.url}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      relay.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
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
