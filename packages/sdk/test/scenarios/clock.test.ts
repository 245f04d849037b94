import { expect, test } from 'vitest';

import type { EngineContext } from '../../src/engine/context.js';
import { beginEpoch } from '../../src/engine/context.js';
import { RelayClock } from '../../src/engine/relay-clock.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import { VAULT_SCHEMA, type Vault } from '../../src/vault/schema.js';

const DAY_MS = 24 * 60 * 60 * 1000;

test('a person who sets the clock while online does not carry messages into the future', async () => {
  const vault: Vault = memoryTables(VAULT_SCHEMA);
  const epoch = await beginEpoch(vault);
  let now = 1_000_000;
  let ticks = 50;
  const clock = { now: () => now, ticks: () => ticks, after: () => () => undefined };
  const relayClock = new RelayClock({ vault, clock, epoch } as unknown as EngineContext);
  await relayClock.correct(2_000_000);
  now += 3 * DAY_MS;
  ticks += 7;
  expect(relayClock.now()).toBe(2_000_007);
});
