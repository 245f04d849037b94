import type { SubmitReply } from '@sotto/protocol';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { Relay } from '../../src/index.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { connect, messageTo, newUser, type TestSocket } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { TcpProxy } from '../support/proxy.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

/** Short enough to wait for: the old server answers no commit any more. */
const ANSWER_MS = 2_000;

/** Until all is answered: only for what hangs. */
const PATIENCE_MS = 120_000;

let primary: PostgresServer;
let standby: PostgresServer;
let url: string;

beforeAll(async () => {
  primary = await startPostgres({ fsync: false });
  url = await primary.newDatabase();
  standby = await startPostgres({ fsync: false, standbyOf: url });
  await ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
  await ask(primary, 'SELECT pg_reload_conf()');
  await eventually('the standby keeping up', async () => {
    const [row] = await ask(primary, 'SELECT sync_state FROM pg_stat_replication');
    if (row?.['sync_state'] !== 'sync') throw new Error('not yet');
  });
});
afterAll(() => Promise.all([primary.remove(), standby.remove()]));

let address: TcpProxy;
let relay: Relay;

beforeEach(async () => {
  address = await new TcpProxy({ host: '127.0.0.1', port: primary.port }).listen();
  const through = url.replace(`:${primary.port}/`, `:${address.port}/`);
  const sql = openPostgres(through, { connections: 2, answerMs: ANSWER_MS, onError: () => undefined });
  relay = await testRelay({}, { store: await openSqlStore(sql) });
});
afterEach(async () => {
  await relay.close();
  await address.stop();
});

async function ask({ port }: PostgresServer, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url.replace(`:${primary.port}/`, `:${port}/`) });
  await client.connect();
  return (await client.query<Record<string, unknown>>(text).finally(() => client.end())).rows;
}

type Message = ReturnType<typeof messageTo>;

/** All at once, each until it is answered. */
async function submitAll(socket: TestSocket, messages: Message[]): Promise<void> {
  const submit = async (message: Message) => {
    const reply = await eventually(
      'an answer',
      async () => {
        const said: SubmitReply = await socket.submit(message);
        if (!said.ok) throw new Error(said.error.code);
        return said;
      },
      PATIENCE_MS,
    );
    expect(['stored', 'duplicate']).toContain(reply.outcomes[0]);
  };
  await Promise.all(messages.map(submit));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test(
  'a synchronous standby takes over while the first server lives on: nothing answered is lost, nothing comes twice',
  async () => {
    const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
    const [from, to] = [await connect(alice), await connect(bob)];
    const messages = Array.from({ length: 60 }, () => messageTo(bob));
    await submitAll(from, messages.slice(0, 20));
    await to.delivered(20);

    // In the midst of the next ones. The first server goes on with what it has: it is told nothing.
    const during = submitAll(from, messages.slice(20, 40));
    await ask(standby, 'SELECT pg_promote()');
    address.retarget({ host: '127.0.0.1', port: standby.port });
    await during;
    await submitAll(from, messages.slice(40));

    const delivered = await to.delivered(60);
    expect(delivered.map(({ seq }) => seq)).toEqual(delivered.map((_, index) => index + 1));
    expect(delivered.map(({ id }) => hex(id)).sort()).toEqual(messages.map(({ id }) => hex(id)).sort());
    const held = await ask(standby, 'SELECT seq::int, id FROM envelopes ORDER BY seq');
    expect(held.map(({ id }) => hex(id as Uint8Array))).toEqual(delivered.map(({ id }) => hex(id)));
    from.close();
    to.close();
  },
  2 * PATIENCE_MS,
);
