import { expect, test, vi } from 'vitest';

import { createClient } from '../../src/index.js';

vi.mock('../../src/client/engine-module.js', () => {
  throw new TypeError('Failed to fetch dynamically imported module');
});

test('a device whose page never got the engine is wiped all the same', async () => {
  const client = await createClient({
    relay: 'https://chat.example',
    app: 'shop',
    user: 'alice',
    token: () => 'e30.e30.x',
    storage: 'memory',
  });
  await client.destroy();
  expect(client.connection.get()).toEqual({ state: 'closed' });
});
