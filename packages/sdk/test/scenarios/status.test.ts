import { expect, test } from 'vitest';

import { beginEpoch } from '../../src/engine/context.js';
import { writeStatus } from '../../src/engine/status.js';
import { HISTORY_SCHEMA, type History } from '../../src/history/schema.js';
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
