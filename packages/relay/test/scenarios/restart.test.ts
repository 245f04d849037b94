import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startRelay } from '../../src/index.js';
import { connect, helloOf, messageTo, newUser, TEST_APP } from '../support/device.js';
import { gate } from '../support/gate.js';
import { memoryStore } from '../../src/store/memory/memory-store.js';
import { testRelay } from '../support/relay.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-relay-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a relay on PGlite is restarted between submit and delivery; a second one is kept out of its folder', async () => {
  const before = await testRelay({ dataFolder: folder });
  const [alice, bob] = [await newUser(before.url, 'alice'), await newUser(before.url, 'bob')];
  const aliceSocket = await connect(alice);
  const message = messageTo(bob);
  expect(await aliceSocket.submit(message)).toMatchObject({ ok: true });
  await expect(
    startRelay({ port: 0, apps: [{ ...TEST_APP, origins: [] }], dataFolder: folder, logLevel: 'silent' }),
  ).rejects.toThrow('Another relay');
  await before.close();
  expect(await aliceSocket.next('bye')).toMatchObject({ code: 'shutting-down' });

  const after = await testRelay({ dataFolder: folder });
  const bobSocket = await connect(bob, { url: after.url });
  expect((await bobSocket.delivered(1))[0]?.id).toHaveLength(16);
  const again = await connect(alice, { url: after.url });
  expect(await again.submit(message)).toEqual({ ok: true, outcomes: ['duplicate'] });
  await after.close();
});

test('a graceful shutdown finishes the commits under way and answers them', async () => {
  const store = memoryStore();
  const [held, writing] = [gate(), gate()];
  const relay = await testRelay(
    {},
    {
      store: {
        ...store,
        submit: async (...args) => {
          writing.open();
          await held.opened;
          return store.submit(...args);
        },
      },
    },
  );
  const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
  const admission = await relay.core.admit(helloOf(alice));
  const session = relay.core.open(admission, { emit: () => undefined, close: () => undefined });
  const reply = session.handle('submit', messageTo(bob));
  await writing.opened;
  const closing = relay.close();
  held.open();
  expect(await reply).toEqual({ ok: true, outcomes: ['stored'] });
  await closing;
  await expect(fetch(`${relay.url}/healthz`)).rejects.toThrow();
});
