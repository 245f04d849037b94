import { afterAll, beforeAll } from 'vitest';

import { memoryStore } from '../../src/store/memory/memory-store.js';
import { openPglite } from '../../src/store/sql/pglite.js';
import { openPostgres } from '../../src/store/sql/postgres.js';
import { openSqlStore } from '../../src/store/sql/sql-store.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { storeContract } from './store-contract.js';

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
}, 60_000);

afterAll(() => postgres.remove());

storeContract('memory', () => Promise.resolve(memoryStore()));
storeContract('PGlite', async () => openSqlStore(await openPglite()));
storeContract('PostgreSQL', async () =>
  openSqlStore(openPostgres(await postgres.newDatabase(), { connections: 8, onError: () => undefined })),
);
