import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { findProgram } from '../test/support/servers.js';
import { docker, output, say, works } from './engine.js';

/** Stand-ins are kept under names of their own and lent the real ones only while a check runs. */
const KEPT = 'sotto-stand-in';
const DEBIAN = 'debian:bookworm-slim';
const NODE = 'node:20-bookworm-slim';
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

interface Server {
  packages: string;
  /** Further lines of its Dockerfile. */
  lines?: string;
  /** A script that ends in what compose.yaml calls its command. */
  entrypoint?: string;
}

/** What Debian's own packages make of the servers that `compose.yaml` names, and of the official images what it relies on. */
const SERVERS: Record<string, Server> = {
  'nginx:1.28-bookworm': { packages: 'nginx-core curl' },
  // Alone in a network of its own it may serve other machines.
  'redis:7-bookworm': { packages: 'redis-server', entrypoint: 'exec "$@" --protected-mode no' },
  'postgres:17-bookworm': {
    packages: 'postgresql',
    lines: `
RUN usermod -u 999 postgres && groupmod -g 999 postgres && mkdir -p /var/lib/postgresql/data && chown -R 999:999 /var/lib/postgresql
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:$PATH
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT`,
    // The first start makes the user and the database.
    entrypoint: `set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl -w start -o "-c listen_addresses="
  createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -w stop
fi
exec "$@" -c 'listen_addresses=*'`,
  },
};

function serverFrom({ packages, lines = '', entrypoint }: Server, folder: string): string {
  if (entrypoint !== undefined) writeFileSync(join(folder, 'entrypoint'), entrypoint);
  return `
FROM ${DEBIAN}
RUN apt-get update && apt-get install -y --no-install-recommends ${packages} && apt-get clean
${lines}
${entrypoint === undefined ? '' : 'COPY entrypoint /usr/local/bin/entrypoint\nENTRYPOINT ["sh", "/usr/local/bin/entrypoint"]'}
`;
}

/** What the repository's Dockerfile begins with; Debian first, for stand-ins are made on it. */
export const BUILD_IMAGES = [DEBIAN, NODE];
export const SERVER_IMAGES = Object.keys(SERVERS);

/** Lets the check have these images: the real ones or, where they cannot be pulled, what this machine can make itself. */
export async function withImages(names: readonly string[], check: () => Promise<void>): Promise<void> {
  const lent: string[] = [];
  try {
    for (const name of names) if (!(await hasReal(name))) lent.push(await lend(name));
    if (lent.length > 0) say(`STAND-INS, as the real images cannot be pulled here: ${lent.join(', ')}`);
    await check();
  } finally {
    for (const name of lent) await docker('rmi', '--no-prune', name).catch(() => undefined);
  }
}

/** A stand-in that an interrupted check left under the real name is none. */
async function hasReal(name: string): Promise<boolean> {
  const [standing, kept] = await Promise.all([idOf(name), idOf(keptName(name))]);
  return (standing !== null && standing !== kept) || works('pull', '--quiet', name);
}

const idOf = (name: string) => docker('image', 'inspect', '--format', '{{.Id}}', name).catch(() => null);

const keptName = (name: string) => `${KEPT}/${name}`;

/** @returns the name under which it now stands */
async function lend(name: string): Promise<string> {
  const kept = keptName(name);
  if (!(await works('image', 'inspect', kept))) {
    say(`making a stand-in for ${name} ...`);
    const folder = mkdtempSync(join(tmpdir(), 'sotto-image-'));
    try {
      if (name === DEBIAN) await makeDebian(folder, kept);
      else await makeFrom(name, folder, kept);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  await docker('tag', kept, name);
  return name;
}

async function makeDebian(folder: string, kept: string): Promise<void> {
  if (!findProgram('debootstrap', ['/usr/sbin'])) {
    throw new Error(`NOT CHECKED: ${DEBIAN} cannot be pulled, and there is no debootstrap to make one.`);
  }
  await output('debootstrap', '--variant=minbase', 'bookworm', join(folder, 'root'));
  await output('tar', '-C', join(folder, 'root'), '-cf', join(folder, 'root.tar'), '.');
  await docker('import', join(folder, 'root.tar'), kept);
}

async function makeFrom(name: string, folder: string, kept: string): Promise<void> {
  const server = SERVERS[name];
  if (name !== NODE && !server) throw new Error(`NOT CHECKED: ${name} cannot be pulled.`);
  writeFileSync(join(folder, 'Dockerfile'), server ? serverFrom(server, folder) : nodeFrom(folder));
  await docker('build', '--network', 'host', '-t', kept, folder);
}

/** The Node that runs this, its npm, and the authorities that this machine trusts. */
function nodeFrom(folder: string): string {
  const npm = findProgram('npm');
  if (!npm) throw new Error('There is no npm here.');
  mkdirSync(join(folder, dirname(AUTHORITIES)), { recursive: true });
  cpSync(process.execPath, join(folder, 'node'), { dereference: true });
  cpSync(dirname(dirname(realpathSync(npm))), join(folder, 'npm'), { recursive: true });
  if (existsSync(AUTHORITIES)) cpSync(AUTHORITIES, join(folder, AUTHORITIES));
  return `
FROM ${DEBIAN}
COPY etc /etc
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES} npm_config_cafile=${AUTHORITIES}
`;
}
