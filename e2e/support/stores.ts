import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import pg from 'pg';

/** Something that was looked at, and its bytes. */
export type Place = readonly [where: string, bytes: Buffer];

/** Every row of every table, as text, with the contents of binary columns besides: a plaintext may hide in either. */
export async function databaseDump(url: string): Promise<Place> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const parts: Buffer[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      for (const { row } of rows) parts.push(Buffer.from(`${name} ${row}\n`), ...binaries(row));
    }
    if (parts.length === 0) throw new Error('the database is empty: there is nothing to search');
    return ['PostgreSQL', Buffer.concat(parts)];
  } finally {
    await client.end();
  }
}

/** `\x...` is how PostgreSQL writes binary values. */
function binaries(row: string): Buffer[] {
  return [...row.matchAll(/\\x([0-9a-f]+)/g)].map(([, hex]) => Buffer.from(hex ?? '', 'hex'));
}

/** Every file below a folder, raw: the tables of an embedded database, its indexes and its write-ahead log. */
export function filesBelow(folder: string): Place[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path)]);
}

/** Everything that a Redis server is told, as its MONITOR command shows it. */
export class RedisMonitor {
  readonly #socket: Socket;
  readonly #seen: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#seen.push(bytes));
  }

  static async start(url: string): Promise<RedisMonitor> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const monitor = new RedisMonitor(socket);
    const confirmed = new Promise((resolve) => socket.once('data', resolve));
    socket.write('MONITOR\r\n');
    await confirmed;
    return monitor;
  }

  /** What came so far, with MONITOR's `\xNN` and `\"` turned back into bytes. */
  get traffic(): Buffer {
    const text = Buffer.concat(this.#seen).toString('latin1');
    const clear = text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex: string | undefined, character: string) =>
      hex === undefined ? character : String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return Buffer.from(clear, 'latin1');
  }

  stop(): void {
    this.#socket.destroy();
  }
}
