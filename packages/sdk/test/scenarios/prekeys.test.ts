import { readPreKeyMessage } from '@sotto/crypto';
import { expect, test } from 'vitest';

import { PAYLOAD_PREKEY } from '../../src/engine/payload.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { envelopeFrom } from '../support/forge.js';
import { gate } from '../support/gate.js';
import { aliceAndBob, Person, type Pair } from '../support/person.js';
import { causesOf } from '../support/shown.js';
import { passUntil, TestClock } from '../support/test-clock.js';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** What people in these stories keep at the relay. */
const STOCK = 10;

/** Waits for what others do: each turn lets them go on. */
async function turnsUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate);
}

/** The same, and up to a day passes by the hour: what is under way when an hour is over is looked at in the next. */
async function hoursUntil(clock: TestClock, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; !(await condition()); turn++) {
    await new Promise(setImmediate);
    if (turn % 50 === 49 && turn < 50 * 24) clock.advance(HOUR_MS);
  }
}

const stocked = (relay: FakeRelay, name: string): Promise<void> =>
  turnsUntil(() => Math.min(relay.mailbox(name).oneTime.length, relay.mailbox(name).kem.length) >= STOCK);

/** Alice and Bob on one clock, who have not met. */
async function strangers(): Promise<Pair & { clock: TestClock }> {
  const clock = new TestClock();
  const pair = await aliceAndBob({ clock });
  await passUntil(clock, stocked(pair.relay, 'bob'));
  return { ...pair, clock };
}

/** The signed and the last-resort prekey that the relay gives out. */
function served(relay: FakeRelay, name: string): { signed: number | undefined; lastResort: number | undefined } {
  const { signed, lastResort } = relay.mailbox(name);
  return { signed: signed?.id, lastResort: lastResort?.id };
}

/** Time passes, and Bob has made new keys; nobody ever interrupts his connection. */
async function rotated({ relay, clock }: { relay: FakeRelay; clock: TestClock }, ms: number): Promise<void> {
  const before = served(relay, 'bob');
  const { socket } = relay.mailbox('bob');
  clock.advance(ms);
  await hoursUntil(clock, () => served(relay, 'bob').signed !== before.signed);
  expect(served(relay, 'bob').lastResort).not.toBe(before.lastResort);
  expect(relay.mailbox('bob').socket).toBe(socket);
}

/** No more one-time keys at the relay: who writes first takes the last-resort key. */
function usedUp(relay: FakeRelay, name: string): void {
  Object.assign(relay.mailbox(name), { oneTime: [], kem: [] });
}

/** The private halves that Bob still has of both kinds. */
const kept = async ({ vault }: Person, kind: 'signed' | 'last-resort', id = 0): Promise<boolean> =>
  (await vault.read(['preKeys'], (transaction) => transaction.get('preKeys', [kind, id]))) !== undefined;

test('a device that is online for weeks replaces its signed and last-resort prekeys every week', async () => {
  const { relay, clock } = await strangers();
  const first = served(relay, 'bob');
  clock.advance(6 * DAY_MS);
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  expect(served(relay, 'bob')).toEqual(first);
  for (const days of [2, 8, 8]) await rotated({ relay, clock }, days * DAY_MS);
  // Nothing but those was made: the stock is full.
  expect(relay.mailbox('bob').oneTime).toHaveLength(STOCK);
});

test('new prekeys that could not be uploaded are uploaded in a later hour', async () => {
  const clock = new TestClock();
  const relay = new FakeRelay();
  const bob = await new Person('bob', relay, { clock }).wake();
  await bob.online();
  await passUntil(clock, stocked(relay, 'bob'));
  const first = served(relay, 'bob');
  const refused = gate();
  relay.onRequest = (path) => {
    if (path !== '/v1/prekeys') return;
    refused.open();
    throw new Error('the relay has a bad moment');
  };
  clock.advance(8 * DAY_MS);
  await refused.opened;
  relay.onRequest = () => undefined;
  expect(served(relay, 'bob')).toEqual(first);
  await rotated({ relay, clock }, HOUR_MS);
});

test('a first message sealed to keys that have been replaced since is read', async () => {
  const { relay, alice, bob, clock } = await strangers();
  usedUp(relay, 'bob');
  const before = served(relay, 'bob');
  let payload: Uint8Array = new Uint8Array();
  relay.tamper = (bytes) => {
    payload = bytes;
    return null;
  };
  await alice.say(bob, 'on its way for long');
  await alice.hasSent(bob, 'on its way for long');
  relay.tamper = (bytes) => bytes;
  expect(readPreKeyMessage(payload.subarray(1))).toMatchObject({
    signedPreKeyId: before.signed,
    kemPreKeyId: before.lastResort,
  });
  for (const days of [8, 8, 60]) await rotated({ relay, clock }, days * DAY_MS);
  relay.inject('bob', await envelopeFrom(alice, payload));
  expect(await bob.texts(alice, 1)).toEqual(['on its way for long']);
});

test('after 89 days a replaced key is gone; what is still sealed to it is asked for and comes under another', async () => {
  const { relay, alice, bob, clock } = await strangers();
  usedUp(relay, 'bob');
  const { signed, lastResort } = relay.mailbox('bob');
  await rotated({ relay, clock }, 8 * DAY_MS);
  await rotated({ relay, clock }, 87 * DAY_MS);
  expect(await kept(bob, 'signed', signed?.id)).toBe(true);
  expect(await kept(bob, 'last-resort', lastResort?.id)).toBe(true);
  clock.advance(3 * DAY_MS);
  await hoursUntil(clock, async () => !(await kept(bob, 'signed', signed?.id)));
  expect(await kept(bob, 'last-resort', lastResort?.id)).toBe(false);
  expect(await kept(bob, 'signed', relay.mailbox('bob').signed?.id)).toBe(true);
  // The relay has been restored from an old copy, or lies.
  Object.assign(relay.mailbox('bob'), { signed, lastResort });
  const causes = new Set<string>();
  bob.client.direct('alice').messages.subscribe((list) => {
    for (const cause of causesOf(list)) causes.add(cause);
  });
  await alice.say(bob, 'under old keys');
  await bob.sees(alice, ([first]) => first?.text === 'under old keys');
  expect([...causes]).toEqual(['prekey-missing']);
});

test('many strangers use up the one-time prekeys: the relay says so, and there are new ones for those who come later', async () => {
  const relay = new FakeRelay();
  const bob = await new Person('bob', relay).wake();
  await bob.online();
  await stocked(relay, 'bob');
  const names = Array.from({ length: 2 * STOCK + 2 }, (_, i) => `stranger-${i}`);
  const strangers = await Promise.all(names.map((name) => new Person(name, relay).wake()));
  await Promise.all(strangers.map((stranger) => stranger.online()));
  await Promise.all(strangers.map((stranger) => stocked(relay, stranger.name)));
  const oneTime: boolean[] = [];
  relay.tamper = (payload, { user }) => {
    if (user === aciOfName('bob') && payload[0] === PAYLOAD_PREKEY)
      oneTime.push(readPreKeyMessage(payload.subarray(1)).oneTimePreKeyId !== undefined);
    return payload;
  };
  const write = async (stranger: Person | undefined): Promise<void> => {
    if (!stranger) throw new Error('incomplete cast');
    await stranger.say(bob, 'hello');
    expect(await bob.texts(stranger, 1)).toEqual(['hello']);
    // Bob's receipt ends the handshake.
    await relay.emptied(stranger.name);
  };
  // Bob's new keys are long on their way: the first strangers take all that there are, and one comes too late.
  const arrived = gate();
  relay.beforeAnswer = (path) => (path === '/v1/prekeys' ? arrived.opened : Promise.resolve());
  for (const stranger of strangers.slice(0, STOCK + 1)) await write(stranger);
  expect(oneTime).toEqual([...Array<boolean>(STOCK).fill(true), false]);
  expect(relay.mailbox('bob').oneTime).toHaveLength(0);
  arrived.open();
  await turnsUntil(() => relay.mailbox('bob').oneTime.length > 0);
  for (const stranger of strangers.slice(STOCK + 1)) {
    await turnsUntil(() => relay.mailbox('bob').oneTime.length > 0);
    await write(stranger);
  }
  expect(oneTime.slice(STOCK + 1)).toEqual(Array<boolean>(STOCK + 1).fill(true));
});
