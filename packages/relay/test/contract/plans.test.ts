import { afterAll, beforeAll, expect, test } from 'vitest';

import { ackBatch } from '../../src/store/sql/ack-sql.js';
import type { Queryable, Sql } from '../../src/store/sql/driver.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { submitBatch } from '../../src/store/sql/submit-sql.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { APP, repeat, storeWorld, type Device } from './store-world.js';

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
}, 60_000);
afterAll(() => postgres.remove());

/** The statements of the write path, of one item and of several, as they are sent. */
async function writePath(sql: Sql, bob: Device, carol: Device, world: ReturnType<typeof storeWorld>) {
  const texts = new Set<string>();
  const line: Queryable = {
    query: (text, params) => {
      texts.add(text);
      return sql.line.query(text, params);
    },
  };
  const [first, second] = [world.batchOf([{ to: bob }]), world.batchOf([...repeat({ to: bob }, 2), { to: carol }])];
  await submitBatch(line, APP, first);
  await submitBatch(line, APP, second);
  const idOf = (index: number) => second.submits[index]?.id ?? new Uint8Array();
  expect(await ackBatch(line, APP, [{ mailbox: bob.mailbox, seq: 2, id: idOf(0) }])).toEqual([true]);
  const both = [
    { mailbox: bob.mailbox, seq: 3, id: idOf(1) },
    { mailbox: carol.mailbox, seq: 1, id: idOf(2) },
  ];
  expect(await ackBatch(line, APP, both)).toEqual([true, true]);
  return [...texts];
}

/** Reads of a table that are not by a key of the batch: they grow with the app. */
function walks(plan: readonly string[]): string[] {
  return plan.filter((line) => {
    if (/Seq Scan on/.test(line)) return true;
    const condition = /(?:Index|Recheck) Cond: (.*)/.exec(line)?.[1];
    return condition !== undefined && !/\b(mailbox|account|payload)\b/.test(condition);
  });
}

/** Each of a batch held against each of it: a batch of 200 took five times as long as it should. */
function squares(plan: readonly string[]): string[] {
  return plan.filter((line) => /Join Filter: \(\w+\.mailbox = \w+\.mailbox\)/.test(line));
}

const OPENERS: Record<string, () => Promise<Sql>> = {
  PGlite: () => openPglite(),
  PostgreSQL: async () => openPostgres(await postgres.newDatabase(), { connections: 2, onError: () => undefined }),
};

test.each(Object.entries(OPENERS))(
  '%s: a plan made while the tables are empty finds every row by its key',
  async (name, open) => {
    const sql = await open();
    const store = await openSqlStore(sql);
    const world = storeWorld(name, () => store);
    const texts = await writePath(sql, await world.newDevice(), await world.newDevice(), world);
    expect(texts).toHaveLength(4);
    for (const [index, text] of texts.entries()) {
      const count = Math.max(...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
      await sql.line.query(`PREPARE plan_${index} AS ${text}`);
      const nulls = Array.from({ length: count }, () => 'NULL').join();
      const rows = await sql.line.query<Record<string, string>>(`EXPLAIN EXECUTE plan_${index}(${nulls})`);
      const plan = rows.map((row) => row['QUERY PLAN'] ?? '');
      expect(plan.join('\n')).toContain('Index Cond');
      expect(walks(plan)).toEqual([]);
      expect(squares(plan)).toEqual([]);
    }
    await sql.close();
  },
);
