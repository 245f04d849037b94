import { toBase64Url, type AppId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { ConnectionState } from '../../src/index.js';
import { Client } from '../../src/client/client.js';
import { Front } from '../../src/conversations/front.js';
import { STANDARD_KINDS } from '../../src/content/kinds.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import { systemClock } from '../../src/util/clock.js';
import { localTabChannel } from '../../src/util/tab-channel.js';
import { systemRandom } from '../../src/util/random.js';
import { VAULT_SCHEMA } from '../../src/vault/schema.js';
import { Disk } from '../support/failing-tables.js';
import { aciOfName } from '../support/fake-relay.js';
import { aliceAndBobTalking, until } from '../support/person.js';

const isFull = (connection: ConnectionState): boolean =>
  connection.state === 'storage-failed' && connection.code === 'storage-full';

test.each(['history', 'vault'] as const)(
  'Bob’s %s is full when a message comes: it says so, acknowledges nothing, and goes on when there is room again',
  async (which) => {
    const { relay, alice, bob } = await aliceAndBobTalking();
    await bob.sleep();
    const disk = new Disk();
    await bob.wake(which === 'history' ? { history: disk.on(bob.history) } : { vault: disk.on(bob.vault) });
    await bob.online();
    disk.code = 'storage-full';
    await alice.say(bob, 'too much');
    await until(bob.client.connection, isFull);
    expect(relay.mailbox('bob').envelopes).not.toHaveLength(0);
    disk.code = null;
    expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'too much']);
    await bob.online();
    await Promise.all([alice.sleep(), bob.sleep()]);
  },
);

test('Alice’s vault is full when her message is sealed: it waits, says so, and goes out once when there is room', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  const disk = new Disk();
  await alice.wake({ vault: disk.on(alice.vault) });
  await alice.online();
  disk.code = 'storage-full';
  await alice.say(bob, 'patience');
  await until(alice.client.connection, isFull);
  disk.code = null;
  expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'patience']);
  await alice.hasSent(bob, 'patience');
  await Promise.all([alice.sleep(), bob.sleep()]);
});

test('a message that does not fit is refused with its code, and nothing of it is stored', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  const disk = new Disk();
  const history = disk.on(alice.history);
  const front = new Front({
    app: 'test' as AppId,
    user: aciOfName('alice'),
    userName: 'alice',
    clock: systemClock,
    random: systemRandom,
    receipts: 'always',
    kinds: STANDARD_KINDS,
    history,
    channel: localTabChannel()(),
  });
  const client = new Client(front, { close: async () => undefined, destroy: async () => undefined });
  disk.code = 'storage-full';
  await expect(client.direct('bob').send('no room')).rejects.toMatchObject({
    name: 'SottoError',
    code: 'storage-full',
  });
  const waiting = await history.read(['outbox'], (transaction) => transaction.range('outbox'));
  expect(waiting.filter(({ messageId }) => messageId !== null)).toEqual([]);
  expect(await alice.texts(bob, 2)).toEqual(['hello', 'hi']);
  disk.code = null;
  await client.direct('bob').send('room');
  expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'room']);
  await Promise.all([alice.sleep(), bob.sleep()]);
});

test.each(['deleted', 'damaged'] as const)(
  'a vault that was %s while the history remained is told, and no new identity is made',
  async (how) => {
    const { relay, alice, bob } = await aliceAndBobTalking();
    const { identityKeyPair } = (await bob.vault.read(['meta'], (transaction) =>
      transaction.get('meta', ['identity']),
    )) as { identityKeyPair: { publicKey: Uint8Array } };
    await bob.sleep();
    const vault = how === 'deleted' ? memoryTables(VAULT_SCHEMA) : bob.vault;
    if (how === 'damaged')
      await vault.write(['meta'], (transaction) =>
        transaction.put('meta', { name: 'identity', stage: 'listed' } as never),
      );
    await bob.wake({ vault });
    await until(
      bob.client.connection,
      (connection) => connection.state === 'storage-failed' && connection.code === 'keys-lost',
    );
    expect(await bob.texts(alice, 2)).toEqual(['hello', 'hi']);
    // What the relay serves of Bob is what it was; Alice sees no change of identity.
    await alice.say(bob, 'are you there?');
    await alice.hasSent(bob, 'are you there?');
    expect((await alice.texts(bob, 3)).at(-1)).toBe('are you there?');
    expect(relay.users.get(aciOfName('bob'))?.identityKey).toBe(toBase64Url(identityKeyPair.publicKey));
    await Promise.all([alice.sleep(), bob.sleep()]);
  },
);
