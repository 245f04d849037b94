import { parse, PGlite, protocol, types } from '@electric-sql/pglite';

import { toStoreError, type Line, type Param, type Sql } from './driver.js';

/** Array types that come as ready-made binary (see `binary-array.ts`): PGlite must not serialise them as text. */
const ARRAY_OIDS = [1001, 1007, 1016, 2951];
const serializers = Object.fromEntries(ARRAY_OIDS.map((oid) => [oid, (value: unknown) => value as string]));
const parsers = { 20: Number };

/** As for the connection of the write path on PostgreSQL; here there is one connection for everything. */
const SETTINGS = 'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off';

/** @param folder where the database lives; absent: in memory, gone with the process */
export async function openPglite(folder?: string): Promise<Sql> {
  const database = await PGlite.create({ ...(folder !== undefined && { dataDir: folder }) });
  await database.exec(SETTINGS);
  const alone = oneAfterAnother();

  const plain: Sql['patient'] = {
    query: (text, params) => alone(() => run(database, text, params)),

    transaction: (work) =>
      alone(() =>
        database
          .transaction((transaction) => work({ query: (text, params) => run(transaction, text, params) }))
          .catch((error: unknown) => {
            throw toStoreError(error);
          }),
      ),
  };
  return {
    ...plain,
    line: preparedLine(database, alone),
    patient: plain,

    async script(text) {
      await alone(() => database.exec(text));
    },

    async close() {
      if (!database.closed) await database.close();
    },
  };
}

type Alone = <T>(work: () => Promise<T>) => Promise<T>;

/** PGlite's own order knows nothing of what is sent past it, as prepared statements are. */
function oneAfterAnother(): Alone {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

/** Planning the write path's statements takes many times as long as running them: they are prepared once. */
function preparedLine(database: PGlite, alone: Alone): Line {
  const names = new Map<string, string>();
  const send = (...messages: Uint8Array[]) => database.execProtocolStream(Buffer.concat(messages));

  async function prepared(text: string): Promise<string> {
    const known = names.get(text);
    if (known !== undefined) return known;
    const name = `sotto_${names.size}`;
    await send(protocol.serialize.parse({ name, text }), protocol.serialize.sync());
    names.set(text, name);
    return name;
  }

  return {
    // There is no way to it that takes time.
    depth: 1,

    query: <Row>(text: string, params: readonly Param[] = []) =>
      alone(async () => {
        try {
          const statement = await prepared(text);
          const messages = await send(
            protocol.serialize.bind({ statement, values: params.map(toValue) }),
            protocol.serialize.describe({ type: 'P' }),
            protocol.serialize.execute({}),
            protocol.serialize.sync(),
          );
          return parse.parseResults(messages, types.parsers, { parsers })[0]?.rows as Row[];
        } catch (error) {
          throw toStoreError(error);
        }
      }),
  };
}

function toValue(param: Param): string | Uint8Array | null {
  return param === null || param instanceof Uint8Array ? param : String(param);
}

async function run<Row>(target: Pick<PGlite, 'query'>, text: string, params: readonly Param[] = []): Promise<Row[]> {
  try {
    const result = await target.query<Row>(text, [...params], { serializers, parsers });
    return result.rows;
  } catch (error) {
    throw toStoreError(error);
  }
}
