import { expect, test } from 'vitest';

import { beginEpoch, type EngineContext } from '../../src/engine/context.js';
import { Status, writeStatus } from '../../src/engine/status.js';
import { HISTORY_SCHEMA, type History } from '../../src/history/schema.js';
import { StorageError } from '../../src/storage/storage-error.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import { VAULT_SCHEMA, type Vault } from '../../src/vault/schema.js';

test('an engine that thaws after another has taken the lead does not have the last word on the connection', async () => {
  const history: History = memoryTables(HISTORY_SCHEMA);
  const vault: Vault = memoryTables(VAULT_SCHEMA);
  const shown = async () => (await history.read(['status'], (t) => t.get('status', ['connection'])))?.value.state;
  const frozen = { history, vault, epoch: await beginEpoch(vault) };
  await writeStatus(frozen, { state: 'connecting' });
  expect(await shown()).toBe('connecting');
  const leader = { history, vault, epoch: await beginEpoch(vault) };
  await writeStatus(leader, { state: 'online', left: 0 });
  await writeStatus(frozen, { state: 'offline', retryAt: null, code: 'network' });
  expect(await shown()).toBe('online');
});

test('an engine that is overtaken between asking for the lead and writing writes nothing', async () => {
  const history: History = memoryTables(HISTORY_SCHEMA);
  const vault: Vault = memoryTables(VAULT_SCHEMA);
  const frozen = { history, vault, epoch: await beginEpoch(vault) };
  const overtaking: History = {
    ...history,
    write: async (tables, work) => {
      const leader = { history, vault, epoch: await beginEpoch(vault) };
      await writeStatus(leader, { state: 'online', left: 0 });
      return history.write(tables, work);
    },
  };
  await writeStatus({ ...frozen, history: overtaking }, { state: 'connecting' });
  const row = await history.read(['status'], (transaction) => transaction.get('status', ['connection']));
  expect(row?.value.state).toBe('online');
});

test('a status that could not be stored is stored when storage is well again', async () => {
  const history: History = memoryTables(HISTORY_SCHEMA);
  const vault: Vault = memoryTables(VAULT_SCHEMA);
  const timers: (() => void)[] = [];
  let full = true;
  const failing: History = {
    ...history,
    write: (tables, work) => (full ? Promise.reject(new StorageError('storage-full')) : history.write(tables, work)),
  };
  const clock = { after: (_: number, run: () => void) => (timers.push(run), () => undefined) };
  const epoch = await beginEpoch(vault);
  const status = new Status({ history: failing, vault, epoch, clock } as unknown as EngineContext);
  status.publish({ state: 'online', left: 0 });
  await status.settled();
  full = false;
  for (const run of timers) run();
  await status.settled();
  const row = await history.read(['status'], (transaction) => transaction.get('status', ['connection']));
  expect(row?.value.state).toBe('online');
});
