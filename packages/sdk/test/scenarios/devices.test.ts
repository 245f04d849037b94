import { expect, test } from 'vitest';

import { makeBundle, takeBundle } from '../support/bundle.js';
import type { LaterModules } from '../../src/engine/later.js';
import { HISTORY_SCHEMA, type History } from '../../src/history/schema.js';
import { RelayError } from '../../src/network/relay-error.js';
import { VAULT_SCHEMA, type Vault } from '../../src/vault/schema.js';
import { wakeMortal } from '../support/crashing-tables.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { atHand } from '../support/later.js';
import { link, useBundle } from '../support/link.js';
import { aliceAndBob, Person, until } from '../support/person.js';
import { pass, TestClock } from '../support/test-clock.js';
import { aliceWithTwo, linkedMeanwhile } from '../support/two-devices.js';

const PASSPHRASE = 'correct horse battery staple';

test('a second device is linked by the first: both write, both read, and Bob sees one Alice', async () => {
  const { phone, laptop, bob } = await aliceWithTwo();
  await phone.say(bob, 'from my phone');
  expect(await bob.texts(phone, 1)).toEqual(['from my phone']);
  expect(await laptop.texts(bob, 1)).toEqual(['from my phone']);
  await laptop.say(bob, 'from my laptop');
  expect(await bob.texts(phone, 2)).toEqual(['from my phone', 'from my laptop']);
  expect(await phone.texts(bob, 2)).toEqual(['from my phone', 'from my laptop']);
  await bob.say(phone, 'hello, both');
  for (const device of [phone, laptop])
    expect(await device.texts(bob, 3)).toEqual(['from my phone', 'from my laptop', 'hello, both']);
  expect((await bob.sees(phone, ({ length }) => length === 3)).map(({ kind }) => kind)).toEqual([
    'text',
    'text',
    'text',
  ]);
});

test('a device that joins in the middle of a conversation gets what follows; stale lists are healed', async () => {
  const { phone, laptop, bob } = await linkedMeanwhile();
  expect(await laptop.texts(bob, 1)).toEqual(['after']);
  expect(await phone.texts(bob, 2)).toEqual(['before', 'after']);
});

test('both users have two devices and write first at the same time: all four show the same', async () => {
  const { relay, phone, laptop, bob } = await aliceWithTwo();
  const tablet = await new Person('bob', relay).wake();
  await link(bob, tablet);
  await Promise.all([phone.say(bob, 'a1'), laptop.say(bob, 'a2'), bob.say(phone, 'b1'), tablet.say(phone, 'b2')]);
  const [expected, ...others] = await Promise.all([
    phone.texts(bob, 4),
    laptop.texts(bob, 4),
    bob.texts(phone, 4),
    tablet.texts(phone, 4),
  ]);
  expect([...expected].sort()).toEqual(['a1', 'a2', 'b1', 'b2']);
  for (const list of others) expect(list).toEqual(expected);
});

test('a person links a browser with a passphrase; a wrong one, a bundle of somebody else and a used token do not', async () => {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const third = await new Person('alice', relay).wake();
  const state = await until(third.client.connection, (connection) => connection.state === 'needs-device');
  if (state.state !== 'needs-device') throw new Error('unreachable');
  const sealed = await phone.client.exportDevice(PASSPHRASE);
  await expect(state.link(sealed, 'guess')).rejects.toMatchObject({ code: 'wrong-passphrase' });
  await expect(useBundle(await makeBundle(bob), third)).rejects.toMatchObject({ code: 'link-invalid' });
  relay.users.get(aciOfName('alice'))?.linkTokens.clear();
  await state.link(sealed, PASSPHRASE);
  const refused = await until(
    third.client.connection,
    (connection) => connection.state === 'needs-device' && connection.code === 'link-token-invalid',
  );
  if (refused.state !== 'needs-device') throw new Error('unreachable');
  await refused.link(await phone.client.exportDevice(PASSPHRASE), PASSPHRASE);
  await third.online();
});

test('a bundle that is handed over while the browser is asking the relay once more is used at once', async () => {
  const { relay, alice: phone } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  const status = await laptop.status(({ state }) => state === 'needs-device');
  if (status.state !== 'needs-device' || !status.publicKey) throw new Error('no device is needed');
  const bundle = await makeBundle(phone);
  await laptop.sleep();
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    relay.beforeAnswer = (path) =>
      new Promise((go) => {
        if (path !== '/v1/devices') {
          go();
          return;
        }
        relay.beforeAnswer = async () => undefined;
        answer = go;
        resolve();
      });
  });
  await laptop.wake();
  await asked;
  await takeBundle(laptop, status.publicKey, bundle);
  answer();
  await laptop.online();
});

test('devices have names for each other, and one that is removed wipes itself', async () => {
  const { relay, phone, laptop, bob } = await aliceWithTwo();
  await until(laptop.client.devices, ({ length }) => length === 2);
  await phone.client.renameDevice('Phone');
  await laptop.client.renameDevice('Laptop');
  const named = await until(phone.client.devices, (list) => list.some(({ name }) => name === 'Laptop'));
  await until(laptop.client.devices, (list) => list.some(({ name }) => name === 'Phone'));
  expect(JSON.stringify(relay.seen)).not.toContain('Laptop');
  await laptop.say(bob, 'still here');
  await phone.texts(bob, 1);
  await phone.client.removeDevice(named.find(({ name }) => name === 'Laptop')?.id ?? '');
  await until(phone.client.devices, ({ length }) => length === 1);
  await until(
    laptop.client.connection,
    (connection) => connection.state === 'signed-out' && connection.code === 'device-gone',
  );
  for (const table of ['messages', 'conversations', 'devices'] as const)
    expect(await laptop.history.read([table], (transaction) => transaction.count(table))).toBe(0);
  for (const table of ['sessions', 'preKeys', 'peers', 'sent'] as const)
    expect(await laptop.vault.read([table], (transaction) => transaction.count(table))).toBe(0);
  await bob.say(phone, 'only to the phone');
  expect(await phone.texts(bob, 2)).toContain('only to the phone');
});

test('what a removed device had asked the relay before is not written into what was wiped', async () => {
  const { relay, laptop } = await aliceWithTwo();
  const [asked, wiped] = [gate(), gate()];
  await laptop.sleep();
  const { write } = laptop.vault;
  const vault: Vault = {
    ...laptop.vault,
    write: async (tables, work) => {
      const value = await write(tables, work);
      if (Object.keys(VAULT_SCHEMA).every((table) => tables.some((name) => name === table))) wiped.open();
      return value;
    },
  };
  const port = relay.port();
  relay.port = () => ({
    ...port,
    request: async (request) => {
      const answer = await port.request(request);
      if (!request.path.includes(aciOfName('bob'))) return answer;
      asked.open();
      await wiped.opened;
      return answer;
    },
  });
  await laptop.wake({ vault });
  await laptop.online();
  laptop.client
    .direct('bob')
    .safetyNumber()
    .catch(() => undefined);
  await asked.opened;
  const user = relay.users.get(aciOfName('alice'));
  if (!user) throw new Error('not registered');
  relay.remove(user, relay.mailbox('alice', 2).device);
  await laptop.status(({ state }) => state === 'signed-out');
  // As many turns as writing takes, and more.
  for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate);
  expect(await laptop.vault.read(['peers'], (transaction) => transaction.count('peers'))).toBe(0);
  expect(await laptop.history.read(['identities'], (transaction) => transaction.count('identities'))).toBe(0);
});

test.each(Object.keys(HISTORY_SCHEMA))(
  'a removed device that is asked to try again while it wipes its %s can become a device again',
  async (table) => {
    const { relay, laptop } = await aliceWithTwo();
    await laptop.sleep();
    const user = relay.users.get(aciOfName('alice'));
    if (!user) throw new Error('not registered');
    relay.remove(user, relay.mailbox('alice', 2).device);
    let gone = false;
    let tries = 0;
    void laptop.status(({ state }) => state === 'signed-out').then(() => (gone = true));
    const { write } = laptop.history;
    const history: History = {
      ...laptop.history,
      write: (tables, work) => {
        if (tables.length === 1 && tables[0] === table && !gone) {
          tries++;
          laptop.retryNow();
        }
        return write(tables, work);
      },
    };
    await laptop.wake({ history });
    await laptop.status(({ state }) => state === 'signed-out');
    laptop.retryNow();
    const end = await laptop.status(({ state }) => state === 'needs-device' || state === 'storage-failed');
    expect(end.state).toBe('needs-device');
    expect(tries).toBeGreaterThan(0);
  },
);

test('a device that could not ask for the list of devices asks again', async () => {
  const { relay, alice: phone } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  let failures = 2;
  relay.beforeAnswer = (path) =>
    path === '/v1/devices' && relay.users.get(aciOfName('alice'))?.devices.size === 2 && failures-- > 0
      ? Promise.reject(new RelayError(null))
      : Promise.resolve();
  await useBundle(await makeBundle(phone), laptop);
  await Promise.all([phone, laptop].map(({ client }) => until(client.devices, ({ length }) => length === 2)));
  // Below none: both failed, and one was asked for that did not.
  expect(failures).toBeLessThan(0);
});

test('a look at the list of devices that has worked stands for one that failed before it', async () => {
  const clock = new TestClock();
  const { relay, alice } = await aliceAndBob({ alice: { clock } });
  await until(alice.client.devices, ({ length }) => length === 1);
  let looks = 0;
  relay.beforeAnswer = async (path) => {
    if (path === '/v1/devices' && looks++ === 0) throw new RelayError(null);
  };
  const { socket } = relay.mailbox('alice');
  socket?.handlers.onDeviceListChanged();
  socket?.handlers.onDeviceListChanged();
  await pass(clock, 5_000);
  expect(looks).toBe(2);
});

test('a device that the relay has dropped for inactivity leaves the list', async () => {
  const { relay, phone, laptop } = await aliceWithTwo();
  await laptop.sleep();
  await phone.sleep();
  const user = relay.users.get(aciOfName('alice'));
  if (!user) throw new Error('not registered');
  relay.remove(user, relay.mailbox('alice', 2).device);
  await phone.wake();
  await until(phone.client.devices, ({ length }) => length === 1);
});

test('a device that joins while another one looks at the list stays', async () => {
  const relay = new FakeRelay();
  const phone = await new Person('alice', relay).wake();
  await phone.online();
  await until(phone.client.devices, ({ length }) => length === 1);
  const laptop = await new Person('alice', relay).wake();
  const bundle = await makeBundle(phone);
  // The phone looks, and falls asleep between its two questions until the laptop is there.
  let joined: Promise<void> | null = null;
  relay.beforeAnswer = async (path) => {
    if (joined || !looks.has(path)) return;
    looks.delete(path);
    if (looks.size > 0) return;
    relay.beforeAnswer = async () => undefined;
    joined = useBundle(bundle, laptop).then(() => laptop.online());
    await joined;
  };
  const looks = new Set(['/v1/devices', `/v1/users/${aciOfName('alice')}/device-list`]);
  relay.cut();
  await until(phone.client.devices, ({ length }) => length === 2);
  expect(relay.users.get(aciOfName('alice'))?.devices.size).toBe(2);
});

test('a removed device that dies while it wipes itself goes on when it is started again', async () => {
  const { relay, phone, laptop, bob } = await aliceWithTwo();
  await bob.say(phone, 'secret');
  await laptop.texts(bob, 1);
  await laptop.sleep();
  const user = relay.users.get(aciOfName('alice'));
  if (!user) throw new Error('not registered');
  relay.remove(user, relay.mailbox('alice', 2).device);
  for (let commits = 1; ; commits++) {
    const life = await wakeMortal(laptop, commits);
    const gone = until(laptop.client.connection, ({ state }) => state === 'signed-out').then(() => 'wiped' as const);
    const end = await Promise.race([gone, life.ended.then(() => 'died' as const)]);
    const keys = await laptop.vault.read(['sessions'], (transaction) => transaction.count('sessions'));
    if (keys > 0 && end === 'died') continue;
    expect(await laptop.history.read(['messages'], (transaction) => transaction.count('messages'))).toBe(0);
    break;
  }
});

/** Alice links her laptop; the engine of one of the two dies after `commits` commits, and she begins again. */
async function linkingStory(victim: 'phone' | 'laptop', commits: number): Promise<{ died: boolean }> {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  await laptop.status(({ state }) => state === 'needs-device');
  const doomed = victim === 'phone' ? phone : laptop;
  await doomed.sleep();
  const life = await wakeMortal(doomed, commits);
  // What Alice asks of an engine that dies is answered by nobody.
  const linking = link(phone, laptop).catch(() => undefined);
  await Promise.race([life.ended, linking]);
  await doomed.sleep();
  await doomed.wake();

  const settled = await laptop.status(({ state }) => state === 'needs-device' || state === 'online');
  // The first bundle may have come through just before the end, and then the second is not needed any more.
  if (settled.state === 'needs-device')
    await Promise.race([link(phone, laptop).catch(() => laptop.online()), laptop.online()]);
  await Promise.all([phone.online(), laptop.online()]);
  for (const device of [phone, laptop]) await until(device.client.devices, ({ length }) => length === 2);
  expect(relay.users.get(aciOfName('alice'))?.devices.size).toBe(2);
  await bob.say(phone, 'to both');
  await phone.texts(bob, 1);
  await laptop.texts(bob, 1);
  await laptop.say(bob, 'from the new one');
  for (const [device, peer] of [[phone, bob] as const, [laptop, bob] as const, [bob, phone] as const])
    expect(await device.texts(peer, 2)).toEqual(['to both', 'from the new one']);
  await Promise.all([phone.sleep(), laptop.sleep(), bob.sleep()]);
  return { died: life.isOver };
}

test.each(['phone', 'laptop'] as const)(
  'linking while the engine of the %s dies after any commit ends with two devices that both work',
  { timeout: 120_000 },
  async (victim) => {
    let commits = 0;
    while ((await linkingStory(victim, ++commits)).died) expect(commits).toBeLessThan(60);
    // The last life was long enough to survive: every commit of the story has been the last one once.
    expect(commits).toBeGreaterThan(8);
  },
);

test('what linking takes cannot be fetched: the tab hears that there is no network, and nothing has changed', async () => {
  const linking: LaterModules['linking'] = () => Promise.reject(new TypeError('Failed to fetch'));
  const { alice: phone } = await aliceAndBob({ later: { ...atHand, linking } });
  await expect(makeBundle(phone)).rejects.toMatchObject({ code: 'relay-unreachable' });
  await until(phone.client.connection, ({ state }) => state === 'online');
});
