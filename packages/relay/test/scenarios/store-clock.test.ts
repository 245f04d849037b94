import { expect, test } from 'vitest';

import { memoryStore } from '../../src/store/memory/memory-store.js';
import { connect, messageTo, newUser } from '../support/device.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

const DAY_MS = 24 * 3_600_000;

test('the clock of the database jumps ahead, beyond what is kept, and back: nothing has expired, nothing is stored twice', async () => {
  const inner = memoryStore();
  let ahead = 0;
  let sweeps = 0;
  const relay = await testRelay(
    { sweepMs: 1_000 },
    {
      store: {
        ...inner,
        time: () => Promise.resolve(Date.now() + ahead),
        sweep: (policy) => inner.sweep(policy).finally(() => sweeps++),
      },
    },
  );
  /** The second that ends from now on has begun after now. */
  const swept = async () => {
    const before = sweeps;
    await eventually('a sweep', () => (sweeps > before + 1 ? Promise.resolve() : Promise.reject(new Error('not yet'))));
  };
  const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
  const message = messageTo(bob);
  const submit = async (epoch: number) => {
    const socket = await connect(alice, { epoch });
    return socket.submit(message).finally(() => {
      socket.close();
    });
  };
  expect(await submit(1)).toMatchObject({ outcomes: ['stored'] });
  const early = await connect(bob);
  const [first] = await early.delivered(1);
  if (!first) throw new Error('nothing came');
  await early.ack(first);
  early.close();
  const later = messageTo(bob);
  const socket = await connect(alice, { epoch: 2 });
  await socket.submit(later);
  socket.close();

  ahead = 60 * DAY_MS;
  await swept();
  ahead = 0;
  await swept();

  const after = await connect(bob, { epoch: 2, cursor: { seq: first.seq, id: first.id } });
  const [kept] = await after.delivered(1);
  expect(Buffer.from(kept?.id ?? [])).toEqual(Buffer.from(later.id));
  expect(await submit(3)).toMatchObject({ outcomes: ['duplicate'] });
  after.close();
  await relay.close();
});
