import { PGlite } from '@electric-sql/pglite';

import { toStoreError, type Param, type Queryable, type Sql } from './driver.js';

/** Array types that come as ready-made binary (see `binary-array.ts`): PGlite must not serialise them as text. */
const ARRAY_OIDS = [1000, 1001, 1005, 1007, 1009, 1016, 2951];
const serializers = Object.fromEntries(ARRAY_OIDS.map((oid) => [oid, (value: unknown) => value as string]));
const parsers = { 20: Number };

/** @param folder where the database lives; absent: in memory, gone with the process */
export async function openPglite(folder?: string): Promise<Sql> {
  const database = await PGlite.create({ ...(folder !== undefined && { dataDir: folder }) });

  const query: Queryable['query'] = (text, params) => run(database, text, params);
  return {
    query,
    // It runs one statement at a time in any case.
    line: { query },

    transaction: (work) =>
      database
        .transaction((transaction) => work({ query: (text, params) => run(transaction, text, params) }))
        .catch((error: unknown) => {
          throw toStoreError(error);
        }),

    async script(text) {
      await database.exec(text);
    },

    async close() {
      if (!database.closed) await database.close();
    },
  };
}

async function run<Row>(target: Pick<PGlite, 'query'>, text: string, params: readonly Param[] = []): Promise<Row[]> {
  try {
    const result = await target.query<Row>(text, [...params], { serializers, parsers });
    return result.rows;
  } catch (error) {
    throw toStoreError(error);
  }
}
