import { startRelay, type Relay, type RelayConfigInput, type RelayParts } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory/memory-store.js';
import { TEST_APP } from './device.js';

/** A relay on a free port, in memory unless told otherwise. */
export function testRelay(config: RelayConfigInput = {}, parts?: RelayParts): Promise<Relay> {
  const store =
    config.databaseUrl === undefined && !config.memory && config.dataFolder === undefined ? memoryStore() : null;
  return startRelay(
    {
      host: '127.0.0.1',
      port: 0,
      apps: [{ ...TEST_APP, origins: [...TEST_APP.origins] }],
      logLevel: 'silent',
      ...config,
    },
    { ...(store && { store }), ...parts },
  );
}
